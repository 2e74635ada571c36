//! The inputs and outputs of training runs: experiment files and presets, saved models, evaluation and prediction,
//! metrics, run directories.
//!
//! Nothing here trains. A program that shows runs or uses saved models needs no more than this crate.

mod batch_source;
mod evaluate;
mod event_log;
mod experiment;
mod fingerprint;
mod folder;
mod folder_lock;
pub mod measure;
pub mod metrics;
mod mistake;
mod model_text;
mod prediction_text;
mod predictor;
pub mod presets;
mod saved;
mod start;
mod state;
mod suggestion;
mod table_rows;
mod tensor_file;
#[cfg(test)]
mod testing;
pub mod tune;

pub use batch_source::{BatchAugmentation, BatchSource};
pub use evaluate::{Evaluation, Evaluator};
pub use experiment::{
    ClassWeights, DataSource, DataSpec, Difference, EarlyStopping, Experiment, ExperimentBuilder,
    ExperimentError, PartRows, PartSize, Parts, PartsError, Reference, Split, Statistic, TrainSpec,
    WeightRule, early_stopping, sources, splits,
};
pub use fingerprint::DataFingerprint;
pub use folder::{Checkpoint, RunFolder, RunFolderError, StoppedRun};
pub use metrics::accuracy::{argmax, class_scores, predicted_class};
pub use mistake::{SavedError, SavedMistake};
pub use prediction_text::PredictionText;
pub use predictor::{Classification, Predictor, RowPrediction, SampleMismatch};
pub use saved::SavedModel;
pub use start::Start;
pub use state::{TrainerState, TrainingProgress};
pub use suggestion::{suggested_data, suggested_training};
pub use table_rows::TableRows;
