//! The mean of each window.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { avg_pool2d = { size = [2, 3], padding = "same" } }
//! output = [3, 3, 2]
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { avg_pool2d = { size = [2, 3], stride = 1, padding = "same" } }
//! output = [5, 7, 2]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::{InvalidSetting, Validate};
use crate::setting::{PaddingSetting, Pair};

/// The layer `avg_pool2d`: `[N, h, w, c]` → `[N, oh, ow, c]`. See [`graph::ops::avg_pool2d`].
///
/// | setting   | default    | range                                          | meaning                      |
/// |-----------|------------|------------------------------------------------|------------------------------|
/// | `size`    |            | a size or `[height, width]`                    | size of a window             |
/// | `stride`  | the window | a size or `[height, width]`                    | pixels from window to window |
/// | `padding` | `"valid"`  | `"valid"`, `"same"`, a number, or four of them | cells that do not count      |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool2d {
    /// Size of a window.
    pub size: Pair,
    /// Pixels from one window to the next, if not the window itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// Cells around the image that do not count.
    #[serde(default)]
    pub padding: PaddingSetting,
}

impl Validate for AvgPool2d {
    fn validate(&self) -> Result<(), InvalidSetting> {
        self.padding.validate()
    }
}

impl<T: Float> BuildLayer<T> for AvgPool2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        let stride = self.stride.unwrap_or(self.size);
        builder.graph.avg_pool2d(x, self.size.0, stride.0, self.padding.0)
    }
}
