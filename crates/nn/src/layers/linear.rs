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
    }
}

impl Linear {
    /// A layer of so many units, with weights and biases as the model has them.
    pub fn new(units: usize) -> Self {
        Self { units, weight_init: None, bias: None }
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
        let y = builder.graph.matmul(x[0], weight)?;
        builder.add_bias(y, self.bias.as_ref())
    }
}
