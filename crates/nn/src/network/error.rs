//! Why a network does not fit.

use graph::{CompileError, Shape, ShapeError};

use super::MAX_ELEMENTS;
use crate::registry::InvalidSetting;

/// Why a network does not fit, in itself or to its data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The shape of the input has no axis or an empty one, or too many elements.
    #[error(
        "input: expected one to six sizes above 0, with at most {MAX_ELEMENTS} values, found {0:?}"
    )]
    Input(Vec<usize>),
    /// A setting outside its range.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// A layer that does not fit.
    #[error("layer {layer}")]
    Layer {
        /// The layer's number, from 1.
        number: usize,
        /// Its path: its name or, without one, number and kind.
        layer: String,
        /// What is wrong.
        #[source]
        fault: LayerFault,
    },
    /// A loss that does not fit behind the last layer.
    #[error("loss {kind}")]
    Loss {
        /// The loss.
        kind: &'static str,
        /// Shapes and rule.
        #[source]
        error: ShapeError,
    },
    /// The last layer has another number of outputs than the data has classes or values.
    #[error(
        "the last layer gives {found}, but the data has {expected} classes or values: expected [N, {expected}]{}",
        binary_hint(found, *expected)
    )]
    Outputs {
        /// Shape of the last layer's output.
        found: Shape,
        /// Classes or values of the data.
        expected: usize,
    },
    /// All parameters are frozen.
    #[error("all layers with parameters are frozen: expected at least one to train")]
    Frozen,
    /// The network needs more memory than a program may have.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// Why a layer does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerFault {
    /// Shapes that do not fit behind the layer before.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// More values for one sample than can be counted.
    #[error("more than {MAX_ELEMENTS} values for one sample")]
    TooLarge,
    /// In training, a batch normalisation would get one value for each channel.
    #[error(
        "with a batch of 1 each channel has one value, and one value has no variance; \
         expected a batch of 2 or more"
    )]
    NoVariance,
}

/// What to do about one output for two classes.
fn binary_hint(found: &Shape, expected: usize) -> &'static str {
    match (found.dims(), expected) {
        ([1], 2) => {
            ", or a loss that takes one output for two classes, such as binary_cross_entropy"
        }
        _ => "",
    }
}
