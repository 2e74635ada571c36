//! Softplus, `ln(1 + eˣ)`.

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::Builder;
use crate::registry::{InvalidSetting, Validate};

/// The layer `softplus`: see [`graph::ops::softplus`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softplus {}

impl Validate for Softplus {
    fn validate(&self) -> Result<(), InvalidSetting> {
        Ok(())
    }
}

impl<T: Float> Build<T> for Softplus {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.softplus(x))
    }
}
