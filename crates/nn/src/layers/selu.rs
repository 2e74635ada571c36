//! Scaled exponential linear unit: activations of linear layers tend to mean 0 and variance 1 by themselves.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "selu"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `selu`: see [`graph::ops::selu`]. Wants `xavier_normal` with `mode = "fan_in"`.
    pub struct Selu {}
}

impl<T: Float> BuildLayer<T> for Selu {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.selu(x[0]))
    }
}
