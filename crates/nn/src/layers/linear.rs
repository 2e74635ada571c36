//! Fully connected layer, `y = x · weight + bias`.
//!
//! ```toml
//! input = [4]
//! layer = { kind = "linear", units = 3 }
//! output = [3]
//! parameters = { weight = [4, 3], bias = [3] }
//! ```
//!
//! ```toml
//! input = [4]
//! layer = { kind = "linear", units = 3, bias = false }
//! output = [3]
//! parameters = { weight = [4, 3] }
//! ```
//!
//! ```toml
//! input = [4]
//! layer = { kind = "linear", units = 3, parametrization = "ntk" }
//! output = [3]
//! parameters = { weight = [4, 3], bias = [3] }
//! ```

use serde::{Deserialize, Serialize};

use super::*;
use crate::init::Initializer;
use crate::registry::{nested, optional, width};
use crate::setting::Bias;

settings! {
    /// The layer `linear`: `[N, k]` → `[N, units]`, with a weight `[k, units]` and a bias `[units]`.
    pub struct Linear {
        /// Output features: 1 to 2²⁰.
        units: usize, width;
        /// Initializer of the weight, if not the model's.
        weight_init: Option<Initializer> = None, optional(nested);
        /// First value of the bias, or its initializer, if not the model's; or `false` for none.
        bias: Option<Bias> = None, optional(Bias::is_valid);
        /// What the product of `x` and the weight is multiplied by: `"standard"` (1) or `"ntk"` (`1 / √k`).
        #[serde(skip_serializing_if = "Parametrization::is_standard")]
        parametrization: Parametrization = Parametrization::Standard;
    }
}

/// What the product of the inputs and the weight is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parametrization {
    /// 1.
    Standard,
    /// `1 / √k` for `k` inputs: weights of variance 1 carry the variance of the inputs on, and one learning rate fits layers of
    /// any width.
    ///
    /// Source: Jacot, Gabriel, Hongler (NeurIPS 2018), "Neural tangent kernel", equation 1.
    Ntk,
}

impl Parametrization {
    fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

impl Linear {
    /// A layer of so many units, with weights and biases as the model has them.
    pub fn new(units: usize) -> Self {
        let parametrization = Parametrization::Standard;
        Self { units, weight_init: None, bias: None, parametrization }
    }
}

impl<T: Float> BuildLayer<T> for Linear {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x[0]);
        let (true, &[features]) = (shape.is_batched(), shape.dims()) else {
            let rule = "expected [N, features] (put a flatten layer before it)";
            return Err(ShapeError::new("linear", rule, shape));
        };
        let weight = builder.weight(&[features, self.units], self.weight_init.as_ref())?;
        let mut y = builder.graph.matmul(x[0], weight)?;
        if self.parametrization == Parametrization::Ntk {
            let factor = builder.graph.scalar(1.0 / (features.max(1) as f64).sqrt());
            y = builder.graph.mul(y, factor)?;
        }
        builder.add_bias(y, self.bias.as_ref())
    }
}
