//! What does not fit in a network.

use std::fmt;

use graph::{Shape, ShapeError};

use super::builder::MAX_ELEMENTS;
use crate::registry::InvalidSetting;

/// What does not fit in a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The input has no or an empty axis, or too many elements.
    Input {
        /// Its sizes.
        found: Vec<usize>,
    },
    /// A layer has more values for one sample than can be counted.
    TooLarge {
        /// The layer's number, from 1.
        number: usize,
        /// Its kind.
        kind: &'static str,
    },
    /// A setting outside its range.
    Setting {
        /// The layer's number, from 1; none for a setting of the model.
        layer: Option<(usize, &'static str)>,
        /// The setting.
        setting: InvalidSetting,
    },
    /// A layer that does not fit behind the one before it.
    Layer {
        /// The layer's number, from 1.
        number: usize,
        /// Its kind.
        kind: &'static str,
        /// Shapes and rule.
        error: ShapeError,
    },
    /// A loss that does not fit behind the last layer.
    Loss {
        /// The loss.
        kind: &'static str,
        /// Shapes and rule.
        error: ShapeError,
    },
    /// The last layer has another number of outputs than there are classes or values to meet.
    Outputs {
        /// Shape of the last layer's output.
        found: Shape,
        /// Classes or values of the data.
        expected: usize,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { found } => {
                write!(f, "input: expected one to six sizes above 0, found {found:?}")
            }
            Self::TooLarge { number, kind } => {
                write!(f, "layer {number} ({kind}): more than {MAX_ELEMENTS} values for one sample")
            }
            Self::Setting { layer: Some((number, kind)), setting } => {
                write!(f, "layer {number} ({kind}): {setting}")
            }
            Self::Setting { layer: None, setting } => write!(f, "{setting}"),
            Self::Layer { number, kind, error } => write!(f, "layer {number} ({kind}): {error}"),
            Self::Loss { kind, error } => write!(f, "loss {kind}: {error}"),
            Self::Outputs { found, expected } => {
                write!(
                    f,
                    "the last layer gives {found}, but the data has {expected} classes or values: expected [N, {expected}]"
                )
            }
        }
    }
}

impl std::error::Error for NetworkError {}
