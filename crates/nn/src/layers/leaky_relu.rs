//! Leaky rectified linear unit: a small slope instead of 0 on the negative side.
//!
//! ```toml
//! input = [6]
//! layer = { leaky_relu = { slope = 0.1 } }
//! output = [6]
//! ```

use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::Builder;
use crate::registry::{InvalidSetting, Validate, not_negative};

/// The layer `leaky_relu`: see [`graph::ops::leaky_relu`].
///
/// | setting | default | range     | meaning                    |
/// |---------|---------|-----------|----------------------------|
/// | `slope` | 0.01    | 0 or more | slope on the negative side |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LeakyRelu {
    /// Slope on the negative side.
    pub slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { slope: 0.01 }
    }
}

impl Validate for LeakyRelu {
    fn validate(&self) -> Result<(), InvalidSetting> {
        not_negative("slope", self.slope)
    }
}

impl<T: Float> BuildLayer<T> for LeakyRelu {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        builder.graph.leaky_relu(x, self.slope)
    }
}
