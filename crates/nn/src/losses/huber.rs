//! Huber's loss: `½ e²` where the error `e = |y − t|` is at most `δ`, else `δ (e − ½ δ)`; the mean over all elements.
//!
//! Source: Huber (Annals of Mathematical Statistics 1964), "Robust estimation of a location parameter".

use super::*;
use crate::registry::positive;

settings! {
    /// The loss `huber`.
    ///
    /// Squared for small errors, straight for outliers: the gradient is `y − t`, cut at `±δ`, over the number of
    /// elements. The mean as in PyTorch's `HuberLoss`.
    pub struct Huber {
        /// The error `δ` at which the loss becomes straight, above 0.
        delta: f64 = 1.0, positive;
    }
}

impl<T: Float> BuildLoss<T> for Huber {
    /// With `c = min(e, δ)`, both branches are `c · (e − ½ c)`.
    ///
    /// `c` is chosen and not computed, as `e − relu(e − δ)` would be: it is exact however far `e` and `δ` are apart.
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let [delta, one, half] = [self.delta, 1.0, 0.5].map(|value| g.scalar(value));
        let difference = g.sub(y, t)?;
        let error = g.abs(difference);
        let left = g.sub(delta, error)?;
        let is_inside = g.step(left);
        let is_outside = g.sub(one, is_inside)?;
        let inside = g.mul(error, is_inside)?;
        let outside = g.mul(delta, is_outside)?;
        let cut = g.add(inside, outside)?;
        let half_cut = g.mul(cut, half)?;
        let rest = g.sub(error, half_cut)?;
        let losses = g.mul(cut, rest)?;
        g.mean_all(losses)
    }
}
