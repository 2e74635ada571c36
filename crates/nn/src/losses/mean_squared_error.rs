//! Mean squared error: the mean of `(y − t)²` over all elements.

use super::*;

settings! {
    /// The loss `mean_squared_error`.
    ///
    /// The mean as in PyTorch and TensorFlow; [`half_squared_error`] is that of "Deep
    /// Learning from Scratch".
    pub struct MeanSquaredError {}
}

impl<T: Float> BuildLoss<T> for MeanSquaredError {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let difference = g.sub(y, t)?;
        let squares = g.mul(difference, difference)?;
        g.mean_all(squares)
    }
}
