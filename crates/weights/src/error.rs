//! What can be wrong with a network.

use crate::names::NameScheme;

/// Why a network has no counterpart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Features of images whose channels come first there meet others.
    #[error("layer {layer}: its features would be in several orders where channels come first")]
    Order {
        /// Its path.
        layer: String,
    },
    /// A layer that the other program has not.
    #[error("layer {layer}: {scheme:?} has no such tensors ({part})")]
    Layer {
        /// Its path.
        layer: String,
        /// Whose names.
        scheme: NameScheme,
        /// Its parameter.
        part: String,
    },
}
