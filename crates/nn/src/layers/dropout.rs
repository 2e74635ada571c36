//! Dropout: in training some features of each sample are silenced at random.

use graph::ops::dropout::DropoutScaling;
use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::registry::{InvalidSetting, Validate, fraction};
use crate::{Builder, Mode};

/// The layer `dropout`: see [`graph::ops::dropout`].
///
/// | setting | default      | range                    | meaning                             |
/// |---------|--------------|--------------------------|-------------------------------------|
/// | `rate` |              | from 0 to below 1        | share of features that is silenced  |
/// | `scaling`  | `"at_training"` | `"at_training"` or `"at_evaluation"` | where the scale is corrected        |
///
/// The inverted form divides what is kept by `1 − rate` in training and does nothing in evaluation. The
/// form of "Deep Learning from Scratch" leaves it as it is and multiplies by `1 − rate` in evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Share of features that is silenced.
    pub rate: f64,
    /// Where the scale is corrected.
    #[serde(default)]
    pub scaling: Form,
}

/// Where dropout corrects the scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
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

impl<T: Float> Build<T> for Dropout {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        match (builder.mode(), self.scaling) {
            (Mode::Train, Form::AtTraining) => {
                builder.graph.dropout(x, self.rate, DropoutScaling::AtTraining)
            }
            (Mode::Train, Form::AtEvaluation) => {
                builder.graph.dropout(x, self.rate, DropoutScaling::AtEvaluation)
            }
            (Mode::Evaluate, Form::AtTraining) => Ok(x),
            (Mode::Evaluate, Form::AtEvaluation) => {
                let kept = builder.graph.scalar(1.0 - self.rate);
                builder.graph.mul(x, kept)
            }
        }
    }
}
