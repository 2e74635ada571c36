//! Softmax over the last axis: scores become probabilities.
//!
//! ```toml
//! input = [6]
//! layer = "softmax"
//! output = [6]
//! ```

use super::*;

settings! {
    /// The layer `softmax`: see [`graph::ops::softmax`]. Not needed before `cross_entropy`, which takes scores.
    pub struct Softmax {}
}

impl<T: Float> BuildLayer<T> for Softmax {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        builder.graph.softmax(x[0])
    }
}
