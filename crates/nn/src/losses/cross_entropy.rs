//! Cross-entropy of a softmax, from scores: `−ln softmax(z)[t]`, the mean over the batch, in nats.

use super::*;

settings! {
    /// The loss `cross_entropy`.
    ///
    /// Stable for any scores: the softmax is never formed. For one-hot rows `t` the gradient of the scores is
    /// `(softmax(z) − t) / N`.
    ///
    /// Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".
    pub struct CrossEntropy {}
}

impl<T: Float> BuildLoss<T> for CrossEntropy {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let log_probabilities = g.log_softmax(y)?;
        let picked = g.mul(log_probabilities, t)?;
        let picked = g.sum(picked, &[1])?;
        let mean = g.mean(picked, &[0])?;
        Ok(g.neg(mean))
    }

    fn prediction(&self) -> Prediction {
        Prediction::Logits
    }
}
