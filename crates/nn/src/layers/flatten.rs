//! All axes of a sample in one: images become rows of features.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "flatten"
//! output = [70]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `flatten`: see [`graph::ops::reshape`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Validate for Flatten {}

impl<T: Float> BuildLayer<T> for Flatten {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.flatten(x))
    }
}
