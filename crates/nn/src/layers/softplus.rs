//! Softplus, `ln(1 + eˣ)`.
//!
//! ```toml
//! input = [6]
//! layer = "softplus"
//! output = [6]
//! ```

use super::*;

settings! {
    /// The layer `softplus`: see [`graph::ops::softplus`].
    pub struct Softplus {}
}

impl<T: Float> BuildLayer<T> for Softplus {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.softplus(x[0]))
    }
}
