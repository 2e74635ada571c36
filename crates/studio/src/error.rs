//! Why something of a run cannot be shown.

use std::io;
use std::path::{Path, PathBuf};

use drawing::DrawingError;
use nn::NetworkError;
use runs::tune::SweepFolderError;
use runs::{ExperimentError, SampleMismatch, SavedError};

/// Why a run, or something of it, cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Something is wrong with a run folder.
    #[error("{}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: Box<RunError>,
    },
    /// A file of the run cannot be read.
    #[error("{file}")]
    File {
        /// The name of the file in the run folder.
        file: &'static str,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The experiment is wrong, or its data cannot be read.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The network of the experiment is wrong.
    #[error("experiment.toml")]
    Network(#[from] NetworkError),
    /// A saved model is damaged.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The network cannot be drawn.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// The record of a sweep cannot be read.
    #[error(transparent)]
    Sweep(#[from] SweepFolderError),
    /// No model has been saved.
    #[error("no model is saved")]
    NoModel,
    /// A sample has another size than the input of the model.
    #[error("expected a sample of {expected} numbers, found {found}")]
    SampleSize {
        /// Numbers of the input of the model.
        expected: usize,
        /// Numbers of the sample.
        found: usize,
    },
    /// A saved model is larger than those that are shown.
    #[error("expected a saved model of at most {most} bytes, found one of {found}")]
    ModelBytes {
        /// The most bytes.
        most: u64,
        /// Those of the file.
        found: u64,
    },
    /// A network has more activations than are shown.
    #[error("expected a network with at most {most} activations, found {found}")]
    Activations {
        /// The activations that an answer has at most.
        most: usize,
        /// Those of the network for a sample.
        found: usize,
    },
}

impl From<SampleMismatch> for RunError {
    fn from(SampleMismatch { expected, found, .. }: SampleMismatch) -> Self {
        Self::SampleSize { expected, found }
    }
}

impl RunError {
    /// The same error, of the run in `folder`.
    pub(crate) fn of(self, folder: &Path) -> Self {
        Self::Folder { folder: folder.to_owned(), source: Box::new(self) }
    }
}
