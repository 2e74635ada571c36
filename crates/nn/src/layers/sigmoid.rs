//! Logistic sigmoid, `1 / (1 + e⁻ˣ)`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "sigmoid"
//! output = [5, 7, 2]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `sigmoid`: see [`graph::ops::sigmoid`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sigmoid {}

impl Validate for Sigmoid {}

impl<T: Float> BuildLayer<T> for Sigmoid {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.sigmoid(x))
    }
}
