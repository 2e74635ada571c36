//! Cross-entropy of probabilities as in "Deep Learning from Scratch": `−ln(y[t] + 1e-7)`, the mean over the batch.

use super::*;

settings! {
    /// The loss `cross_entropy_of_probabilities`.
    ///
    /// Put it behind a `softmax` layer. Where a probability is 0 the loss is 16.118, not infinite.
    pub struct CrossEntropyOfProbabilities {}
}

impl<T: Float> BuildLoss<T> for CrossEntropyOfProbabilities {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        const DELTA: f64 = 1e-7;
        let delta = g.scalar(DELTA);
        let shifted = g.add(y, delta)?;
        let logarithms = g.ln(shifted);
        let picked = g.mul(logarithms, t)?;
        let picked = g.sum(picked, &[1])?;
        let mean = g.mean(picked, &[0])?;
        Ok(g.neg(mean))
    }

    fn prediction(&self) -> Prediction {
        Prediction::Probabilities
    }
}
