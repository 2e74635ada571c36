//! Sigmoid-weighted linear unit, `x · sigmoid(x)`; also called swish.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "silu"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `silu`: see [`graph::ops::silu`].
    pub struct Silu {}
}

impl<T: Float> BuildLayer<T> for Silu {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.silu(x[0]))
    }
}
