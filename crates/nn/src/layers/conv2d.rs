//! Convolution of images.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { conv2d = { filters = 5, kernel = [2, 3], stride = 2, padding = "same" } }
//! output = [3, 4, 5]
//! parameters = { weight = [2, 3, 2, 5], bias = [5] }
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { conv2d = { filters = 1, kernel = 3, stride = [1, 2], padding = [1, 0, 0, 2], bias = false } }
//! output = [4, 4, 1]
//! parameters = { weight = [3, 3, 2, 1] }
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::init::Initializer;
use crate::registry::{InvalidSetting, MAX_WIDTH, Validate, within_limit};
use crate::setting::{Bias, PaddingSetting, Pair};

/// The layer `conv2d`: `[N, h, w, ci]` → `[N, oh, ow, filters]`, with a weight `[kh, kw, ci, filters]` and
/// a bias `[filters]`. See [`graph::ops::conv2d`].
///
/// | setting       | default     | range                                          | meaning                     |
/// |---------------|-------------|------------------------------------------------|-----------------------------|
/// | `filters`     |             | 1 to 2²⁰                                       | output channels             |
/// | `kernel`      |             | a size or `[height, width]`                    | size of a filter            |
/// | `stride`      | 1           | a size or `[height, width]`                    | pixels from window to window |
/// | `padding`     | `"valid"`   | `"valid"`, `"same"`, a number, or four of them | zeros around the image      |
/// | `weight_init` | the model's |                                                | initializer of the weight   |
/// | `bias`        | the model's | or `false`                                     | first value of the bias     |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels.
    pub filters: usize,
    /// Size of a filter.
    pub kernel: Pair,
    /// Pixels from one window to the next.
    #[serde(default = "one")]
    pub stride: Pair,
    /// Zeros around the image.
    #[serde(default)]
    pub padding: PaddingSetting,
    /// Initializer of the weight, if not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_init: Option<Initializer>,
    /// First value of the bias, if not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Bias>,
}

fn one() -> Pair {
    Pair([1, 1])
}

impl Validate for Conv2d {
    fn validate(&self) -> Result<(), InvalidSetting> {
        within_limit("filters", self.filters, MAX_WIDTH)?;
        self.kernel.within_limit("kernel", MAX_WIDTH)?;
        self.stride.within_limit("stride", usize::MAX)?;
        self.padding.validate()?;
        let weight_init = self.weight_init.as_ref().map_or(Ok(()), Validate::validate);
        weight_init.map_err(|setting| setting.within("weight_init"))
    }
}

impl<T: Float> BuildLayer<T> for Conv2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x);
        let channels = match (shape.is_batched(), shape.dims()) {
            (true, &[_, _, channels]) => channels,
            _ => {
                let expected = "images [N, height, width, channels]";
                return Err(ShapeError::Rank { op: "conv2d", expected, found: shape.clone() });
            }
        };
        let [kh, kw] = self.kernel.0;
        // A kernel of absurd size is refused as a weight of absurd size, in the next line.
        let taps = kh.saturating_mul(kw);
        let (fan_in, fan_out) = (taps.saturating_mul(channels), taps.saturating_mul(self.filters));
        let weight = builder.weight(
            &[kh, kw, channels, self.filters],
            fan_in,
            fan_out,
            self.weight_init.as_ref(),
        )?;
        let y = builder.graph.conv2d(x, weight, self.stride.0, self.padding.0)?;
        builder.add_bias(y, self.filters, self.bias)
    }
}
