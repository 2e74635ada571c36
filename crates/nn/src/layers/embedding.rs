//! Embedding: each whole number becomes a row of a trained table.
//!
//! ```toml
//! input = [3]
//! layer = { kind = "embedding", count = 10, features = 4 }
//! output = [3, 4]
//! parameters = { table = [10, 4] }
//! ```

use super::*;
use crate::ParameterRole;
use crate::init::{Initializer, normal::Normal};
use crate::registry::{nested, optional, width};

settings! {
    /// The layer `embedding`: `[N, ..]` → `[N, .., features]`, with a table `[count, features]`. See
    /// [`graph::ops::embedding`]: a number outside the table gives NaN, which stops the training.
    pub struct Embedding {
        /// Rows of the table: numbers from 0 to below this. 1 to 2²⁰.
        count: usize, width;
        /// Features of a row: 1 to 2²⁰.
        features: usize, width;
        /// Initializer of the table. Default: normal with deviation 1.
        weight_init: Option<Initializer> = None, optional(nested);
    }
}

impl Embedding {
    /// A table of so many rows with so many features each.
    pub fn new(count: usize, features: usize) -> Self {
        Self { count, features, weight_init: None }
    }
}

impl<T: Float> BuildLayer<T> for Embedding {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let by_default = || Normal { mean: 0.0, deviation: 1.0 }.into();
        let initializer = self.weight_init.clone().unwrap_or_else(by_default);
        let shape = [self.count, self.features];
        let table = builder.parameter("table", ParameterRole::Embedding, &shape, initializer)?;
        builder.graph.embedding(x[0], table)
    }
}
