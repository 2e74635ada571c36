//! Hyperbolic tangent.
//!
//! ```toml
//! input = [6]
//! layer = "tanh"
//! output = [6]
//! ```

use super::*;

settings! {
    /// The layer `tanh`: see [`graph::ops::tanh`].
    pub struct Tanh {}
}

impl<T: Float> BuildLayer<T> for Tanh {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.tanh(x))
    }
}
