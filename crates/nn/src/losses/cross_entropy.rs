//! Cross-entropy of a softmax, from scores: `−Σₖ qₖ ln softmax(z)ₖ`, the mean over the batch, in nats.
//!
//! The target distribution `q` is the one-hot row of the label, and then the loss is `−ln softmax(z)[t]`. With label
//! smoothing by `ε`, it is `(1 − ε) · onehot + ε / K` for `K` classes: the loss of a certain prediction is then large,
//! and no loss is below the entropy of `q`.

use super::*;
use crate::registry::fraction;

settings! {
    /// The loss `cross_entropy`.
    ///
    /// Stable for any scores: the softmax is never formed. The gradient of the scores is `(softmax(z) − q) / N`.
    ///
    /// Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs"; label
    /// smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (CVPR 2016), "Rethinking the Inception architecture for
    /// computer vision", section 7.
    pub struct CrossEntropy {
        /// The share `ε` of the target that all classes have in equal parts, in `[0, 1)`.
        label_smoothing: f64 = 0.0, fraction;
    }
}

impl<T: Float> BuildLoss<T> for CrossEntropy {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let picked = self.picked(g, y, t)?;
        let mean = g.mean(picked, &[0])?;
        Ok(g.neg(mean))
    }

    fn build_weighted(
        &self,
        g: &mut Graph<T>,
        y: NodeId,
        t: NodeId,
        weights: NodeId,
    ) -> Result<Option<NodeId>, ShapeError> {
        let picked = self.picked(g, y, t)?;
        let weighted = g.mul(picked, weights)?;
        let mean = g.mean(weighted, &[0])?;
        Ok(Some(g.neg(mean)))
    }

    fn prediction(&self) -> Prediction {
        Prediction::Logits
    }
}

impl CrossEntropy {
    /// The logarithm of the probability of the label of each sample, or its mean over the target distribution.
    fn picked<T: Float>(
        &self,
        g: &mut Graph<T>,
        y: NodeId,
        t: NodeId,
    ) -> Result<NodeId, ShapeError> {
        let log_probabilities = g.log_softmax(y)?;
        let target = self.smoothed(g, t)?;
        let picked = g.mul(log_probabilities, target)?;
        g.sum(picked, &[1])
    }

    fn smoothed<T: Float>(&self, g: &mut Graph<T>, t: NodeId) -> Result<NodeId, ShapeError> {
        if self.label_smoothing == 0.0 {
            return Ok(t);
        }
        let classes = g.shape(t).len() as f64;
        let of_label = g.scalar(1.0 - self.label_smoothing);
        let of_each = g.scalar(self.label_smoothing / classes);
        let of_label = g.mul(t, of_label)?;
        g.add(of_label, of_each)
    }
}
