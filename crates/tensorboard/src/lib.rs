//! Runs as event files, which TensorBoard shows: scalars, histograms, pictures and settings.
//!
//! [`TensorBoard`] writes them while a run is trained, [`export`] makes them of its log; both have the same tags, steps and
//! values, which `docs/exchange.md` in the repository lists.
//!
//! ```no_run
//! # use gradus_tensorboard::export;
//! # fn open(data: &runs::DataSpec) -> Result<runs::Parts, runs::ExperimentError> { unreachable!() }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! export("runs/lenet-1".as_ref(), "board".as_ref(), open)?;
//! # Ok(())
//! # }
//! ```

mod event_file;
mod export;
mod histogram;
mod hparams;
mod live;
mod pictures;
mod proto;
mod record;
mod summaries;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use export::{ExportedRun, export};
pub use live::TensorBoard;

/// Why event files cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorBoardError {
    /// The folder has event files: those of two runs would be taken for one.
    #[error(
        "{}: expected a folder without event files, found some; remove them or choose another one",
        folder.display()
    )]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// The run cannot be read.
    #[error(transparent)]
    Run(#[from] runs::RunFolderError),
    /// The network of the run does not fit in itself.
    #[error(transparent)]
    Network(#[from] nn::NetworkError),
    /// The log of the run cannot be read.
    #[error(transparent)]
    Log(#[from] events::ReadError),
}

fn failed(path: &Path, error: io::Error) -> TensorBoardError {
    TensorBoardError::Io { path: path.to_owned(), error }
}
