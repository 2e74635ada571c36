//! Why a network does not fit.

use graph::{CompileError, Shape, ShapeError};

use super::MAX_ELEMENTS;
use crate::registry::InvalidSetting;

/// Why a network does not fit, in itself or to its data. Layers are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The input has no axis or an empty one, or too many elements.
    #[error("input: expected one to six sizes above 0, found {found:?}")]
    Input {
        /// Its shape.
        found: Vec<usize>,
    },
    /// A layer has more values for one sample than can be counted.
    #[error("layer {number} ({kind}): more than {MAX_ELEMENTS} values for one sample")]
    TooLarge {
        /// The layer's number.
        number: usize,
        /// Its kind.
        kind: &'static str,
    },
    /// A setting of the model outside its range.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// A setting of a layer outside its range.
    #[error("layer {number} ({kind})")]
    LayerSetting {
        /// The layer's number.
        number: usize,
        /// Its kind.
        kind: &'static str,
        /// The setting.
        #[source]
        setting: InvalidSetting,
    },
    /// A layer that does not fit behind the one before it.
    #[error("layer {number}{}", in_brackets(kind, error))]
    Layer {
        /// The layer's number.
        number: usize,
        /// Its kind.
        kind: &'static str,
        /// Shapes and rule.
        #[source]
        error: ShapeError,
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
        "the last layer gives {found}, but the data has {expected} classes or values: expected [N, {expected}]"
    )]
    Outputs {
        /// Shape of the last layer's output.
        found: Shape,
        /// Classes or values of the data.
        expected: usize,
    },
    /// In training, a batch normalisation would get one value for each channel.
    #[error(
        "layer {number} ({kind}): with a batch of 1 each channel has one value, and one value has no variance; \
         expected a batch of 2 or more"
    )]
    NoVariance {
        /// The layer's number.
        number: usize,
        /// Its kind.
        kind: &'static str,
    },
    /// The network needs more memory than a program may have.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The layer's kind, unless the error begins with it: the op of a layer often has the layer's name.
fn in_brackets(kind: &str, error: &ShapeError) -> String {
    if error.op() == kind { String::new() } else { format!(" ({kind})") }
}
