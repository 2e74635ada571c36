//! The mean of each window.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "avg_pool2d", size = [2, 3], padding = "same" }
//! output = [3, 3, 2]
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "avg_pool2d", size = [2, 3], stride = 1, padding = "same" }
//! output = [5, 7, 2]
//! ```

use super::*;
use crate::setting::{PaddingSetting, Pair};

settings! {
    /// The layer `avg_pool2d`: `[N, h, w, c]` → `[N, oh, ow, c]`. See [`graph::ops::avg_pool2d`].
    pub struct AvgPool2d {
        /// Size of a window: a size or `[height, width]`.
        size: Pair;
        /// Pixels from one window to the next, as `size`; if not given, the window itself.
        stride: Option<Pair> = None;
        /// Cells around the image that do not count: `"valid"` (none, the default), `"same"`, a number, or four of them.
        padding: PaddingSetting = PaddingSetting::default(), PaddingSetting::within_limit;
    }
}

impl AvgPool2d {
    /// Windows of a size that touch each other, without cells around the image.
    pub fn new(size: impl Into<Pair>) -> Self {
        Self { size: size.into(), stride: None, padding: PaddingSetting::default() }
    }
}

impl<T: Float> BuildLayer<T> for AvgPool2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let stride = self.stride.unwrap_or(self.size);
        builder.graph.avg_pool2d(x[0], self.size.sizes(), stride.sizes(), self.padding.0)
    }
}
