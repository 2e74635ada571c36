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
//! layer = { batch_norm = { scale = false, offset = false } }
//! output = [6]
//! running_statistics = { moments = [2, 6] }
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::init::constant::Constant;
use crate::registry::{InvalidSetting, Validate, finite, fraction, positive};

/// The layer `batch_norm` on the last axis: see [`graph::ops::moments`] and [`graph::ops::normalize`].
///
/// | setting    | default | range             | meaning                                                    |
/// |------------|---------|-------------------|------------------------------------------------------------|
/// | `scale`    | `true`  |                   | whether a factor for each channel is trained (begins at 1) |
/// | `offset`   | `true`  |                   | whether a term for each channel is trained                 |
/// | `bias`     | 0       | any finite        | first value of the offset                                  |
/// | `epsilon`  | 1e-5    | above 0           | added to the variance under the root                       |
/// | `momentum` | 0.99    | from 0 to below 1 | share of the **old** running value that a step keeps       |
/// | `warmup`   | `true`  |                   | whether the first steps keep less: `(1 + n) / (10 + n)`    |
///
/// `momentum` is that of Keras; PyTorch's is 1 minus this. Evaluation uses running statistics of mean and
/// (biased) variance. "Deep Learning from Scratch" has `epsilon` 1e-6 and `momentum` 0.9, the codelab 1e-5 and
/// 0.998 or 0.999 with the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNorm {
    /// Whether a factor for each channel is trained.
    pub scale: bool,
    /// Whether a term for each channel is trained.
    pub offset: bool,
    /// First value of the offset.
    pub bias: f64,
    /// Added to the variance under the root.
    pub epsilon: f64,
    /// Share of the old running value that a step keeps.
    pub momentum: f64,
    /// Whether the first steps keep less.
    pub warmup: bool,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { scale: true, offset: true, bias: 0.0, epsilon: 1e-5, momentum: 0.99, warmup: true }
    }
}

impl Validate for BatchNorm {
    fn validate(&self) -> Result<(), InvalidSetting> {
        finite("bias", self.bias)?;
        positive("epsilon", self.epsilon)?;
        fraction("momentum", self.momentum)
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

    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        let channels = builder.graph.shape(x).dims().last().copied().unwrap_or(0);
        let moments = builder.moments(x, self.momentum, self.warmup)?;
        let mut y = builder.graph.normalize(x, moments, self.epsilon)?;
        if self.scale {
            let scale =
                builder.parameter("scale", &[channels], Constant { value: 1.0 }.into(), 0, 0)?;
            y = builder.graph.mul(y, scale)?;
        }
        if self.offset {
            let offset = builder.parameter(
                "offset",
                &[channels],
                Constant { value: self.bias }.into(),
                0,
                0,
            )?;
            y = builder.graph.add(y, offset)?;
        }
        Ok(y)
    }
}
