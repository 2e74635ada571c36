//! Softplus, `ln(1 + eˣ)`.
//!
//! ```toml
//! input = [6]
//! layer = "softplus"
//! output = [6]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::Validate;

/// The layer `softplus`: see [`graph::ops::softplus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softplus {}

impl Validate for Softplus {}

impl<T: Float> BuildLayer<T> for Softplus {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.softplus(x))
    }
}
