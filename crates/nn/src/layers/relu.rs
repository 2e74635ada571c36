//! Rectified linear unit, `max(x, 0)`.

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::Builder;
use crate::registry::{InvalidSetting, Validate};

/// The layer `relu`: see [`graph::ops::relu`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {}

impl Validate for Relu {
    fn validate(&self) -> Result<(), InvalidSetting> {
        Ok(())
    }
}

impl<T: Float> Build<T> for Relu {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.relu(x))
    }
}
