//! Multi-class hinge loss, `Σ_{j ≠ t} max(0, z[j] − z[t] + 1)`, the mean over the batch.

use super::*;

settings! {
    /// The loss `hinge`.
    ///
    /// The right class must win by the margin 1. At the margin itself the loss and its gradient are 0.
    ///
    /// Source: Weston, Watkins (ESANN 1999), "Support vector machines for multi-class pattern recognition".
    pub struct Hinge {}
}

impl<T: Float> BuildLoss<T> for Hinge {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let right = g.mul(y, t)?;
        let right = g.sum(right, &[1])?;
        let right = g.reshape(right, [1])?;
        let lead = g.sub(y, right)?;
        let margin = g.scalar(1.0);
        let lead = g.add(lead, margin)?;
        let short = g.relu(lead);
        // The right class itself is left out of the sum.
        let others = g.sub(margin, t)?;
        let short = g.mul(short, others)?;
        let sums = g.sum(short, &[1])?;
        g.mean(sums, &[0])
    }
}
