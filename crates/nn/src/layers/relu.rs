//! Rectified linear unit, `max(x, 0)`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "relu"
//! output = [5, 7, 2]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `relu`: see [`graph::ops::relu`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {}

impl Validate for Relu {}

impl<T: Float> BuildLayer<T> for Relu {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.relu(x))
    }
}
