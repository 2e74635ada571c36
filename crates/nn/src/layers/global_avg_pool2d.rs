//! The mean of each channel over the whole image.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "global_avg_pool2d"
//! output = [2]
//! ```
//!
//! Source: Lin, Chen, Yan (ICLR 2014), "Network in network", section 3.2.

use super::*;

settings! {
    /// The layer `global_avg_pool2d`: `[N, h, w, c]` → `[N, c]`. See [`graph::ops::mean`].
    pub struct GlobalAvgPool2d {}
}

impl<T: Float> BuildLayer<T> for GlobalAvgPool2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        image_size("global_avg_pool2d", builder.graph.shape(x[0]))?;
        builder.graph.mean(x[0], &[1, 2])
    }
}
