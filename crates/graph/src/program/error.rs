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
        "{value} {shape} with a batch of {batch}: {bytes} bytes are needed, the limit is {limit}"
    )]
    Memory {
        /// Bytes that are needed, those that are reserved for something else among them.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// Samples in a batch.
        batch: usize,
        /// The name of the largest value, or of its op, after the part of the network that it belongs to.
        value: String,
        /// The shape of the largest value.
        shape: Shape,
    },
}
