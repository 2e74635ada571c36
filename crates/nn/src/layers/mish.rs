//! Mish, `x · tanh(ln(1 + eˣ))`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "mish"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `mish`: see [`graph::ops::mish`].
    pub struct Mish {}
}

impl<T: Float> BuildLayer<T> for Mish {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.mish(x[0]))
    }
}
