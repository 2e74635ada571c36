//! Dropout: in training some features of each sample are silenced at random.

use graph::ops::dropout::DropoutForm;
use graph::{Float, NodeId, ShapeError};
use serde::{Deserialize, Serialize};

use super::Build;
use crate::registry::{InvalidSetting, Validate, fraction};
use crate::{Builder, Mode};

/// The layer `dropout`: see [`graph::ops::dropout`].
///
/// | setting | default      | range                    | meaning                             |
/// |---------|--------------|--------------------------|-------------------------------------|
/// | `ratio` |              | from 0 to below 1        | share of features that is silenced  |
/// | `form`  | `"inverted"` | `"inverted"` or `"book"` | where the scale is corrected        |
///
/// The inverted form divides what is kept by `1 − ratio` in training and does nothing in evaluation. The
/// form of "Deep Learning from Scratch" leaves it as it is and multiplies by `1 − ratio` in evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Share of features that is silenced.
    pub ratio: f64,
    /// Where the scale is corrected.
    #[serde(default)]
    pub form: Form,
}

/// Where dropout corrects the scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// In training.
    #[default]
    Inverted,
    /// In evaluation.
    Book,
}

impl Validate for Dropout {
    fn validate(&self) -> Result<(), InvalidSetting> {
        fraction("ratio", self.ratio)
    }
}

impl<T: Float> Build<T> for Dropout {
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError> {
        match (builder.mode(), self.form) {
            (Mode::Train, Form::Inverted) => {
                builder.graph.dropout(x, self.ratio, DropoutForm::Inverted)
            }
            (Mode::Train, Form::Book) => builder.graph.dropout(x, self.ratio, DropoutForm::Book),
            (Mode::Evaluate, Form::Inverted) => Ok(x),
            (Mode::Evaluate, Form::Book) => {
                let kept = builder.graph.scalar(1.0 - self.ratio);
                builder.graph.mul(x, kept)
            }
        }
    }
}
