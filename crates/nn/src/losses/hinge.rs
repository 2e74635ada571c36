//! Hinge loss, the mean over the batch: `Σ_{j ≠ t} max(0, z[j] − z[t] + 1)` of the scores of several classes,
//! `max(0, 1 ∓ z)` of one score for the classes 1 and 0.

use super::*;

settings! {
    /// The loss `hinge`.
    ///
    /// The right class must win by the margin 1. At the margin itself the loss and its gradient are 0.
    ///
    /// Source: Weston, Watkins (ESANN 1999), "Support vector machines for multi-class pattern recognition"; of one
    /// score: Cortes, Vapnik (1995), "Support-vector networks".
    pub struct Hinge {}
}

impl<T: Float> BuildLoss<T> for Hinge {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let margin = g.scalar(1.0);
        let short = if g.shape(y).len() == 1 {
            // −1 for class 1, 1 for class 0.
            let minus_two = g.scalar(-2.0);
            let sign = g.mul(t, minus_two)?;
            let sign = g.add(sign, margin)?;
            let lead = g.mul(y, sign)?;
            let lead = g.add(lead, margin)?;
            g.relu(lead)
        } else {
            let right = g.mul(y, t)?;
            let right = g.sum(right, &[1])?;
            let right = g.reshape(right, [1])?;
            let lead = g.sub(y, right)?;
            let lead = g.add(lead, margin)?;
            let short = g.relu(lead);
            // The right class itself is left out of the sum.
            let others = g.sub(margin, t)?;
            g.mul(short, others)?
        };
        let sums = g.sum(short, &[1])?;
        g.mean(sums, &[0])
    }

    fn has_binary_form(&self) -> bool {
        true
    }
}
