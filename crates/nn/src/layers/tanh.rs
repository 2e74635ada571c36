//! Hyperbolic tangent.
//!
//! ```toml
//! input = [6]
//! layer = "tanh"
//! output = [6]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `tanh`: see [`graph::ops::tanh`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tanh {}

impl Validate for Tanh {}

impl<T: Float> BuildLayer<T> for Tanh {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.tanh(x))
    }
}
