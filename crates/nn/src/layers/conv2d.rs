//! Convolution of images.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "conv2d", filters = 5, kernel = [2, 3], stride = 2, padding = "same" }
//! output = [3, 4, 5]
//! parameters = { weight = [2, 3, 2, 5], bias = [5] }
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "conv2d", filters = 1, kernel = 3, stride = [1, 2], padding = [1, 0, 0, 2], bias = false }
//! output = [4, 4, 1]
//! parameters = { weight = [3, 3, 2, 1] }
//! ```

use graph::Padding;

use super::*;
use crate::init::Initializer;
use crate::registry::{nested, one_or_more, optional, width};
use crate::setting::{Bias, PaddingSetting, Pair};

settings! {
    /// The layer `conv2d`: `[N, h, w, ci]` → `[N, oh, ow, filters]`, with a weight `[kh, kw, ci, filters]` and
    /// a bias `[filters]`. See [`graph::ops::conv2d`].
    pub struct Conv2d {
        /// Output channels: 1 to 2²⁰.
        filters: usize, width;
        /// Size of a filter: a size or `[height, width]`.
        kernel: Pair, Pair::each(width);
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

impl Conv2d {
    /// A convolution with so many filters of a size, from pixel to pixel and without zeros around the image.
    pub fn new(filters: usize, kernel: impl Into<Pair>) -> Self {
        let (kernel, stride, padding) = (kernel.into(), 1.into(), PaddingSetting::default());
        Self { filters, kernel, stride, padding, weight_init: None, bias: None }
    }

    /// The same with so many zeros around the image that its size stays.
    #[must_use]
    pub fn same(self) -> Self {
        Self { padding: PaddingSetting(Padding::Same), ..self }
    }
}

impl<T: Float> BuildLayer<T> for Conv2d {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let [_, _, channels] = image_size("conv2d", builder.graph.shape(x[0]))?;
        let [height, width] = self.kernel.sizes();
        let shape = [height, width, channels, self.filters];
        let weight = builder.weight(&shape, self.weight_init.as_ref())?;
        let y = builder.graph.conv2d(x[0], weight, self.stride.sizes(), self.padding.0)?;
        builder.add_bias(y, self.bias.as_ref())
    }
}
