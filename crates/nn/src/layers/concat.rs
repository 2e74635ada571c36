//! The outputs of several layers side by side along one axis.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "concat", from = ["input", "input"] }
//! output = [5, 7, 6]
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "concat", from = ["input"], axis = 1 }
//! output = [10, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `concat`: the output of the layer before, then those of the layers in `from`. Their shapes differ in one
    /// axis at most. See [`graph::ops::concat`].
    pub struct Concat {
        /// The axis, 1 for the first of a sample; if not given, the last.
        axis: Option<usize> = None;
    }
}

impl<T: Float> BuildLayer<T> for Concat {
    fn merges(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let last = builder.graph.shape(x[0]).rank() - 1;
        builder.graph.concat(x, self.axis.unwrap_or(last))
    }
}
