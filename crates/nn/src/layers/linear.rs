//! Fully connected layer, `y = x · weight + bias`.
//!
//! ```toml
//! input = [4]
//! layer = { linear = { units = 3 } }
//! output = [3]
//! parameters = { weight = [4, 3], bias = [3] }
//! ```
//!
//! ```toml
//! input = [4]
//! layer = { linear = { units = 3, bias = false } }
//! output = [3]
//! parameters = { weight = [4, 3] }
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::init::Initializer;
use crate::registry::{InvalidSetting, MAX_WIDTH, Validate, within_limit};
use crate::setting::Bias;

/// The layer `linear`: `[N, k]` → `[N, units]`, with a weight `[k, units]` and a bias `[units]`.
///
/// | setting       | default     | range      | meaning                             |
/// |---------------|-------------|------------|-------------------------------------|
/// | `units`       |             | 1 to 2²⁰   | output features                     |
/// | `weight_init` | the model's |            | initializer of the weight           |
/// | `bias`        | the model's | or `false` | first value of the bias, or no bias |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Output features.
    pub units: usize,
    /// Initializer of the weight, if not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_init: Option<Initializer>,
    /// First value of the bias, if not the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<Bias>,
}

impl Linear {
    /// A layer of `units` output features with the model's initializers.
    pub fn new(units: usize) -> Self {
        Self { units, weight_init: None, bias: None }
    }
}

impl Validate for Linear {
    fn validate(&self) -> Result<(), InvalidSetting> {
        within_limit("units", self.units, MAX_WIDTH)?;
        let weight_init = self.weight_init.as_ref().map_or(Ok(()), Validate::validate);
        weight_init.map_err(|setting| setting.within("weight_init"))
    }
}

impl<T: Float> BuildLayer<T> for Linear {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x);
        let fan_in = match (shape.is_batched(), shape.dims()) {
            (true, &[fan_in]) => fan_in,
            _ => {
                let expected = "[N, features] (put a flatten layer before it)";
                return Err(ShapeError::Rank { op: "linear", expected, found: shape.clone() });
            }
        };
        let weight =
            builder.weight(&[fan_in, self.units], fan_in, self.units, self.weight_init.as_ref())?;
        let y = builder.graph.matmul(x, weight)?;
        builder.add_bias(y, self.units, self.bias)
    }
}
