//! Batch normalisation: each channel gets mean 0 and variance 1 over the batch, then a scale and an
//! offset that are trained.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "batch_norm"
//! output = [5, 7, 2]
//! parameters = { scale = [2], offset = [2] }
//! running_statistics = { moments = [2, 2] }
//! ```
//!
//! ```toml
//! input = [6]
//! layer = { kind = "batch_norm", scale = false, offset = false }
//! output = [6]
//! running_statistics = { moments = [2, 6] }
//! ```

use super::*;
use crate::registry::{finite, fraction, positive};

settings! {
    /// The layer `batch_norm` on the last axis: see [`graph::ops::moments`], [`graph::ops::normalization_terms`] and
    /// [`graph::ops::normalize`].
    ///
    /// Evaluation uses running statistics of mean and (biased) variance. "Deep Learning from Scratch" has `epsilon`
    /// 1e-6 and `momentum` 0.9, the codelab 1e-5 and 0.998 or 0.999 with the warm-up.
    pub struct BatchNorm {
        /// Whether a factor for each channel is trained, which begins at 1.
        scale: bool = true;
        /// Whether a term for each channel is trained.
        offset: bool = true;
        /// First value of the offset, finite.
        bias: f64 = 0.0, finite;
        /// Added to the variance under the root, above 0.
        epsilon: f64 = 1e-5, positive;
        /// Share in `[0, 1)` of the **old** running value that a step keeps, as in Keras; PyTorch's is 1 minus this.
        momentum: f64 = 0.99, fraction;
        /// Whether the first steps keep less: `(1 + n) / (10 + n)`.
        warmup: bool = true;
    }
}

impl<T: Float> BuildLayer<T> for BatchNorm {
    fn warning(&self) -> Option<String> {
        let momentum = self.momentum;
        (momentum < 0.5).then(|| {
            // Rounded: 1 − 0.1 shall be 0.9.
            let converted = ((1.0 - momentum) * 1e9).round() / 1e9;
            format!(
                "momentum {momentum}: only this share of the old running value is kept in each step; \
                 PyTorch's momentum is 1 minus this, so its {momentum} is {converted} here"
            )
        })
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let moments = builder.moments(x[0], self.momentum, self.warmup)?;
        let channels = [builder.channels(x[0])];
        let scale = self.scale.then(|| builder.scale(&channels)).transpose()?;
        let offset = self.offset.then(|| builder.offset(&channels, self.bias)).transpose()?;
        let terms = builder.graph.normalization_terms(moments, scale, offset, self.epsilon)?;
        builder.graph.normalize(x[0], terms)
    }
}
