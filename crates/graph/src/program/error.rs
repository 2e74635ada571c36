//! Why a graph cannot be compiled.

use crate::shape::{Shape, ShapeError};

/// Why a graph cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Shapes do not fit: the loss must be one number for the whole batch.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The program needs more memory than [`Compile::memory_limit`](crate::Compile::memory_limit).
    #[error(
        "{value} {shape} with a batch of {batch}: the program needs {bytes} bytes, the limit is {limit}"
    )]
    Memory {
        /// Bytes that the program needs with one thread.
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
