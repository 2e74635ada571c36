//! Dropout: in training some features of each sample are set to 0 at random.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { dropout = { rate = 0.5 } }
//! output = [5, 7, 2]
//! ```
//!
//! ```toml
//! input = [6]
//! layer = { dropout = { rate = 0.5, scaling = "at_evaluation" } }
//! output = [6]
//! ```

use graph::ops::dropout::DropoutScaling;
use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::BuildLayer;
use crate::registry::{InvalidSetting, Validate, fraction};
use crate::{Builder, Mode};

/// The layer `dropout`: see [`graph::ops::dropout`].
///
/// | setting   | default         | range                                | meaning                      |
/// |-----------|-----------------|--------------------------------------|------------------------------|
/// | `rate`    |                 | from 0 to below 1                    | share of features set to 0   |
/// | `scaling` | `"at_training"` | `"at_training"` or `"at_evaluation"` | when the scale is corrected  |
///
/// Inverted dropout (`at_training`) divides the other features by `1 − rate` in training and does nothing in
/// evaluation. "Deep Learning from Scratch" leaves them as they are and multiplies by `1 − rate` in evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Share of features set to 0.
    pub rate: f64,
    /// When the scale is corrected.
    #[serde(default)]
    pub scaling: ScalingSetting,
}

/// When dropout corrects the scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalingSetting {
    /// In training.
    #[default]
    AtTraining,
    /// In evaluation.
    AtEvaluation,
}

impl Validate for Dropout {
    fn validate(&self) -> Result<(), InvalidSetting> {
        fraction("rate", self.rate)
    }
}

impl<T: Float> BuildLayer<T> for Dropout {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        let scaling = match self.scaling {
            ScalingSetting::AtTraining => DropoutScaling::AtTraining,
            ScalingSetting::AtEvaluation => DropoutScaling::AtEvaluation,
        };
        match (builder.mode(), scaling) {
            (Mode::Train, scaling) => builder.graph.dropout(x, self.rate, scaling),
            (Mode::Evaluate, DropoutScaling::AtTraining) => Ok(x),
            (Mode::Evaluate, DropoutScaling::AtEvaluation) => {
                let scale = builder.graph.scalar(1.0 - self.rate);
                builder.graph.mul(x, scale)
            }
        }
    }
}
