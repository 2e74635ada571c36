//! What a run starts from and what it leaves: experiment files and presets, saved networks and their answers,
//! run folders.
//!
//! Nothing here trains. Whoever shows a run or uses what it learned needs no more than this.

mod batch_source;
mod digest;
mod evaluate;
mod experiment;
mod folder;
mod predictor;
pub mod presets;
mod saved;
mod sizes;

pub use batch_source::BatchSource;
pub use digest::weights_digest;
pub use evaluate::{Evaluation, Evaluator, accuracy, argmax};
pub use experiment::{
    DataSource, DataSpec, Experiment, ExperimentError, Reference, Split, Statistic, TrainSpec,
};
pub use folder::{RunFolder, RunFolderError};
pub use predictor::Predictor;
pub use saved::{SavedError, SavedModel};
pub use sizes::{outputs_of, statistics_starts, target_shape};
