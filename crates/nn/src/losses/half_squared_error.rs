//! Half the sum of squared errors, `½ Σ (y − t)²`, the mean over the batch: the squared error of "Deep Learning from Scratch".

use super::*;

settings! {
    /// The loss `half_squared_error`.
    ///
    /// The half makes the gradient `(y − t) / N`, without a factor 2.
    pub struct HalfSquaredError {}
}

impl<T: Float> BuildLoss<T> for HalfSquaredError {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let difference = g.sub(y, t)?;
        let squares = g.mul(difference, difference)?;
        let sums = g.sum(squares, &[1])?;
        let mean = g.mean(sums, &[0])?;
        let half = g.scalar(0.5);
        g.mul(mean, half)
    }
}
