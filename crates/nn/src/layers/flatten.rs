//! All axes of a sample in one: images become rows of features.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "flatten"
//! output = [70]
//! ```

use super::*;

settings! {
    /// The layer `flatten`: see [`graph::ops::reshape`].
    pub struct Flatten {}
}

impl<T: Float> BuildLayer<T> for Flatten {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.flatten(x[0]))
    }
}
