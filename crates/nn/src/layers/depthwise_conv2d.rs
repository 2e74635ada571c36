//! Convolution of each channel of an image by itself.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "depthwise_conv2d", kernel = [2, 3], stride = 2, padding = "same" }
//! output = [3, 4, 2]
//! parameters = { weight = [2, 3, 2, 1], bias = [2] }
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "depthwise_conv2d", kernel = 3, multiplier = 3, bias = false }
//! output = [3, 5, 6]
//! parameters = { weight = [3, 3, 2, 3] }
//! ```

use graph::Padding;

use super::*;
use crate::init::Initializer;
use crate::registry::{nested, one_or_more, optional, width};
use crate::setting::{Bias, PaddingSetting, Pair};

settings! {
    /// The layer `depthwise_conv2d`: `[N, h, w, c]` → `[N, oh, ow, c · multiplier]`, with a weight
    /// `[kh, kw, c, multiplier]` and a bias `[c · multiplier]`. See [`graph::ops::depthwise_conv2d`].
    pub struct DepthwiseConv2d {
        /// Size of a filter: a size or `[height, width]`.
        kernel: Pair, Pair::each(width);
        /// Filters for each channel.
        multiplier: usize = 1, width;
        /// Pixels from one window to the next, as `kernel`.
        stride: Pair = 1.into(), Pair::each(one_or_more);
        /// Zeros around the image: `"valid"` (none, the default), `"same"`, a number, or four of them.
        padding: PaddingSetting = PaddingSetting::default(), PaddingSetting::within_limit;
        /// Initializer of the weight, if not the model's.
        weight_init: Option<Initializer> = None, optional(nested);
        /// First value of the bias, or its initializer, if not the model's; or `false` for none.
        bias: Option<Bias> = None, optional(Bias::is_valid);
    }
}

impl DepthwiseConv2d {
    /// A filter of a size for each channel, from pixel to pixel and without zeros around the image.
    pub fn new(kernel: impl Into<Pair>) -> Self {
        let (kernel, stride, padding) = (kernel.into(), 1.into(), PaddingSetting::default());
        Self { kernel, multiplier: 1, stride, padding, weight_init: None, bias: None }
    }

    /// The same with so many zeros around the image that its size stays.
    #[must_use]
    pub fn same(self) -> Self {
        Self { padding: PaddingSetting(Padding::Same), ..self }
    }
}

impl<T: Float> BuildLayer<T> for DepthwiseConv2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let [_, _, channels] = image_size("depthwise_conv2d", builder.graph.shape(x[0]))?;
        let ([height, width], multiplier) = (self.kernel.sizes(), self.multiplier);
        let taps = height.saturating_mul(width);
        let fans = [taps, taps.saturating_mul(multiplier)];
        let shape = [height, width, channels, multiplier];
        let weight = builder.weight_with_fans(&shape, fans, self.weight_init.as_ref())?;
        let (stride, padding) = (self.stride.sizes(), self.padding.0);
        let y = builder.graph.depthwise_conv2d(x[0], weight, stride, padding)?;
        builder.add_bias(y, self.bias.as_ref())
    }
}
