//! Why a graph cannot be compiled.

use crate::shape::{Shape, ShapeError};

/// Why a graph cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Shapes do not fit: the loss must be one number for the whole batch.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The program needs more memory than [`Compile::memory`](crate::Compile::memory).
    #[error(
        "{scope}{}{value} {shape} with a batch of {batch}: {bytes} bytes are needed, the limit is {limit}",
        if scope.is_empty() { "" } else { ": " }
    )]
    Memory {
        /// Bytes that are needed, those that are reserved for something else among them.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// Samples in a batch.
        batch: usize,
        /// The part of the network that the largest value belongs to; empty for none.
        scope: String,
        /// The name of the largest value, or of its op.
        value: String,
        /// The shape of the largest value.
        shape: Shape,
    },
}
