//! Binary cross-entropy of independent yes-or-no outputs, from scores, the mean over all elements.

use super::*;

settings! {
    /// The loss `binary_cross_entropy`.
    ///
    /// `softplus(z) − t·z`, which is `−t ln σ(z) − (1 − t) ln(1 − σ(z))` without a logarithm of 0. One output tells two
    /// classes apart: `σ(z)` is the probability of class 1.
    ///
    /// Source: Cox (1958), "The regression analysis of binary sequences".
    pub struct BinaryCrossEntropy {}
}

impl<T: Float> BuildLoss<T> for BinaryCrossEntropy {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let losses = losses(g, y, t)?;
        g.mean_all(losses)
    }

    fn build_weighted(
        &self,
        g: &mut Graph<T>,
        y: NodeId,
        t: NodeId,
        weights: NodeId,
    ) -> Result<Option<NodeId>, ShapeError> {
        let losses = losses(g, y, t)?;
        let of_samples = g.mean(losses, &[1])?;
        let weighted = g.mul(of_samples, weights)?;
        g.mean(weighted, &[0]).map(Some)
    }

    fn prediction(&self) -> Prediction {
        Prediction::SeparateLogits
    }

    fn has_binary_form(&self) -> bool {
        true
    }
}

/// The loss of each output.
fn losses<T: Float>(g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
    let softplus = g.softplus(y);
    let agreement = g.mul(y, t)?;
    g.sub(softplus, agreement)
}
