//! Trained networks as Rust crates: no dependencies, no standard library, no allocation, and the bits of Gradus in
//! portable arithmetic.
//!
//! [`StaticCrate`] writes the forward pass from the graph for evaluation, node by node: a list of calls of functions that
//! the crate gets with it, with all sizes known to the compiler.

mod buffers;
mod card;
mod interface;
mod measurement;
mod ops;
mod package;
mod pass;
mod rows;
mod runtime;
mod source;
mod strides;
mod text;
mod vectors;
mod weights;

use nn::NetworkError;

pub use card::RoundedMetric;
pub use measurement::CrateMeasurement;
pub use package::{StaticCrate, StaticCrateOptions};
pub use text::crate_name;
pub use vectors::{TestVector, predict_rows};
pub use weights::WeightFormat;

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaticCrateError {
    /// Nodes that crates have no functions for.
    #[error("a static crate has no function for {}", .0.join("; "))]
    Unsupported(Vec<String>),
    /// A name that no crate can have.
    #[error(
        "expected a name of small letters, digits, `-` and `_` that begins with a letter and is not a word of Rust, found {0:?}"
    )]
    Name(String),
    /// The network does not fit in itself.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

#[cfg(test)]
mod tests;
