//! Dropout: in training some features of each sample are set to 0 at random.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "dropout", rate = 0.5 }
//! output = [5, 7, 2]
//! ```
//!
//! ```toml
//! input = [6]
//! layer = { kind = "dropout", rate = 0.5, scaling = "at_evaluation" }
//! output = [6]
//! ```

use graph::ops::dropout::DropoutScaling;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Mode;
use crate::registry::fraction;

settings! {
    /// The layer `dropout`: see [`graph::ops::dropout`].
    ///
    /// Inverted dropout (`at_training`) divides the other features by `1 − rate` in training and does nothing in
    /// evaluation. "Deep Learning from Scratch" leaves them as they are and multiplies by `1 − rate` in evaluation.
    pub struct Dropout {
        /// Share of features set to 0, in `[0, 1)`.
        rate: f64, fraction;
        /// When the scale is corrected: `"at_training"` or `"at_evaluation"`.
        #[serde(with = "ScalingForm")]
        scaling: DropoutScaling = DropoutScaling::AtTraining;
    }
}

impl Dropout {
    /// Dropout of a share of the features, inverted.
    pub fn new(rate: f64) -> Self {
        Self { rate, scaling: DropoutScaling::AtTraining }
    }
}

/// How a file writes [`DropoutScaling`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "DropoutScaling", rename_all = "snake_case")]
enum ScalingForm {
    AtTraining,
    AtEvaluation,
}

impl<T: Float> BuildLayer<T> for Dropout {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        match (builder.mode, self.scaling) {
            (Mode::Train, scaling) => builder.graph.dropout(x[0], self.rate, scaling),
            (Mode::Evaluate, DropoutScaling::AtTraining) => Ok(x[0]),
            (Mode::Evaluate, DropoutScaling::AtEvaluation) => {
                let scale = builder.graph.scalar(1.0 - self.rate);
                builder.graph.mul(x[0], scale)
            }
        }
    }
}
