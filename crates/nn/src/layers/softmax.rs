//! Softmax over the last axis: scores become probabilities.
//!
//! ```toml
//! input = [6]
//! layer = "softmax"
//! output = [6]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `softmax`: see [`graph::ops::softmax`]. Not needed before `cross_entropy`, which takes scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {}

impl Validate for Softmax {}

impl<T: Float> BuildLayer<T> for Softmax {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        builder.graph.softmax(x)
    }
}
