//! Hyperbolic tangent.

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::Builder;
use crate::registry::{InvalidSetting, Validate};

/// The layer `tanh`: see [`graph::ops::tanh`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tanh {}

impl Validate for Tanh {
    fn validate(&self) -> Result<(), InvalidSetting> {
        Ok(())
    }
}

impl<T: Float> Build<T> for Tanh {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.tanh(x))
    }
}
