//! What a run starts from and what it leaves: experiment files and presets, saved networks and their answers,
//! run folders.
//!
//! Nothing here trains. Whoever shows a run or uses what it learned needs no more than this.

mod digest;
mod evaluate;
mod experiment;
mod folder;
mod gather;
mod nearest;
mod predictor;
pub mod presets;
mod saved;
mod sizes;

pub use digest::weights_digest;
pub use evaluate::{Evaluation, Evaluator, accuracy, largest};
pub use experiment::{
    DataSource, DataSpec, Experiment, ExperimentError, Reference, Split, Statistic, TrainSpec,
};
pub use folder::{RunFolder, RunFolderError};
pub use gather::Gather;
pub use predictor::Predictor;
pub use saved::{SavedError, SavedModel};
pub use sizes::{average_starts, outputs_of, target_shape};
