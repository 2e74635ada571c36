//! Training: experiment files and presets, the loop, evaluation, the gradient check, run folders.
//!
//! The trainer tells an [`Observer`] what happens and never knows who listens.

mod batches;
pub mod check;
mod digest;
mod evaluate;
mod experiment;
mod gather;
mod nearest;
mod predictor;
pub mod presets;
mod run_folder;
mod saved;
mod sizes;
mod trainer;

pub use data::{Dataset, Features, Order, Targets};
pub use digest::weights_digest;
pub use evaluate::{Evaluation, Evaluator};
pub use experiment::{
    DataSource, DataSpec, Experiment, ExperimentError, Reference, Split, Statistic, TrainSpec,
};
pub use predictor::{Predictor, probabilities};
pub use run_folder::{RunFolder, RunFolderError};
pub use saved::{SavedError, SavedModel};
pub use trainer::{NotFinite, Observer, Silent, TrainError, Trainer};
