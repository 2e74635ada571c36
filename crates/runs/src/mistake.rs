//! What can be wrong with the file of a saved model or of a checkpoint.

use std::io;
use std::path::PathBuf;

use data::DataError;
use nn::NetworkError;
use safetensors::tensor::SafeTensorError;

use crate::experiment::{Difference, ExperimentError};

/// The final model within the folder of a run.
pub(crate) const LAST: &str = "checkpoints/last.safetensors";
/// The entry of the metadata that describes the model.
pub(crate) const MODEL: &str = "gradus.model";

/// Why a saved model cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}", file.display())]
pub struct SavedError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    #[source]
    pub mistake: SavedMistake,
}

/// What is wrong with the file of a saved model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedMistake {
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A directory without a final model.
    #[error("expected a run directory with {}, found a directory without it", LAST)]
    Unfinished,
    /// It is not a safetensors file, or a damaged one.
    #[error("expected a safetensors file, found another format or a damaged file")]
    Format(#[from] SafeTensorError),
    /// A part of a checkpoint is not as it was written.
    #[error("{part} is damaged: it does not have the checksum that was written with it")]
    Damaged {
        /// Which part.
        part: String,
    },
    /// A model without the state of its training.
    #[error("expected a checkpoint, found a model without the state of its training")]
    NoState,
    /// A checkpoint of another version.
    #[error("format {found} of checkpoints: expected format {expected}")]
    Version {
        /// The version of its format.
        found: u32,
        /// The version that this program reads.
        expected: u32,
    },
    /// A checkpoint of another run than that in whose folder it is.
    #[error(
        "expected a checkpoint of this run, found one of another{}",
        Difference::lines(differences)
    )]
    OtherRun {
        /// What is another, from the folder's experiment to the checkpoint's.
        differences: Vec<Difference>,
    },
    /// A checkpoint of another step than its name says.
    #[error(
        "expected the state after step {expected}, as its name says, found that after step {found}"
    )]
    OtherStep {
        /// The step of the state.
        found: u64,
        /// The step in the name.
        expected: u64,
    },
    /// The state in its metadata is wrong.
    #[error("the state in the metadata: {0}")]
    State(String),
    /// A safetensors file of another program.
    #[error(
        "a safetensors file that does not describe its network: expected the metadata entry `{MODEL}`"
    )]
    Foreign,
    /// Its metadata are not TOML, or lack a part.
    #[error("the metadata entry `{MODEL}`: {0}")]
    Metadata(String),
    /// The transforms in its metadata are wrong.
    #[error(transparent)]
    Transforms(#[from] DataError),
    /// The experiment in its metadata is wrong.
    #[error(transparent)]
    Experiment(#[from] Box<ExperimentError>),
    /// The network in its metadata does not fit.
    #[error(transparent)]
    Network(#[from] Box<NetworkError>),
    /// A tensor is missing or of another shape or type than the network's.
    #[error("tensor {name}: expected {expected}, found {found}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What was found.
        found: String,
        /// What the network needs.
        expected: String,
    },
    /// The parameters or running statistics are not as many as the network's.
    #[error("{what}: expected {expected} numbers, found {found}")]
    Count {
        /// Which of them.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many the network has.
        expected: usize,
    },
    /// A value of a tensor is infinite or NaN.
    #[error("tensor {name}: expected finite values, found {value} at index {index:?}")]
    NotFinite {
        /// The tensor's name.
        name: String,
        /// The index of the first such value, an entry for each axis.
        index: Vec<usize>,
        /// The value.
        value: f32,
    },
}
