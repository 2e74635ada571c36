//! Gaussian error linear unit, `x · Φ(x)` with the normal distribution's `Φ`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "gelu"
//! output = [5, 7, 2]
//! ```
//!
//! ```toml
//! input = [6]
//! layer = { kind = "gelu", form = "tanh" }
//! output = [6]
//! ```

use graph::ops::gelu::GeluForm;
use serde::{Deserialize, Serialize};

use super::*;

settings! {
    /// The layer `gelu`: see [`graph::ops::gelu`].
    pub struct Gelu {
        /// `"exact"`, or `"tanh"`: the approximation that BERT and GPT-2 were trained with.
        #[serde(with = "GeluFormText")]
        form: GeluForm = GeluForm::Exact;
    }
}

/// How a file writes [`GeluForm`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "GeluForm", rename_all = "snake_case")]
enum GeluFormText {
    Exact,
    Tanh,
}

impl<T: Float> BuildLayer<T> for Gelu {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.gelu(x[0], self.form))
    }
}
