//! Explanations of a saved model on a sample, and of what a step of a run did.
//!
//! What a run did is done again: from its newest checkpoint before the step, to the same bytes. So the numbers of an
//! update are those of the run, to the last bit; what is computed anew beside it, the shares of the samples, is not.

mod repeat;
mod share;
mod update;

use std::path::PathBuf;
use std::sync::Arc;

use data::Dataset;
use events::NotFinite;
use explain::element::{ElementError, ExplainedPass, FormulaMismatch};
use graph::{CompileError, Pool, RunArgs};
use nn::{Mode, ModelInputs, NetworkError};
use runs::{BatchSource, RunFolderError, SavedModel};

use crate::TrainError;

pub use repeat::trainer_before;
pub use share::{ShareExplanation, explain_share, position_in_batch};
pub use update::{SampleShare, UpdateExplanation, explain_update};

/// Why a number of a model or a run cannot be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplanationError {
    /// There is no such number.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// The network does not fit, in itself, to the data or into memory.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// There is no such sample.
    #[error("there is no sample {found}: expected 0 to {}", samples.saturating_sub(1))]
    Sample {
        /// Its number.
        found: usize,
        /// The samples that there are.
        samples: usize,
    },
    /// The sample is not in the batch.
    #[error("sample {found}: expected one of the batch of step {step}: {}", share::first_of(batch))]
    Batch {
        /// The step.
        step: u64,
        /// The number of the sample in the training set.
        found: u32,
        /// Those of the batch.
        batch: Vec<u32>,
    },
    /// The samples are not of the input shape of the network.
    #[error("expected samples of {expected:?}, found {found:?}")]
    SampleShape {
        /// The shape of the samples.
        found: Vec<usize>,
        /// The input shape of the network.
        expected: Vec<usize>,
    },
    /// Something else than a parameter that is trained.
    #[error(
        "{path}: expected a parameter that is trained, such as {example}: only those have an update"
    )]
    NoParameter {
        /// The path.
        path: String,
        /// A parameter.
        example: String,
    },
    /// The run has not done the step.
    #[error("{}: expected a step from 1 to {last}, found {found}", run.display())]
    Step {
        /// The run.
        run: PathBuf,
        /// The step.
        found: u64,
        /// The last one that the run did or will do.
        last: u64,
    },
    /// No checkpoint of the run is early enough.
    #[error(
        "{}: no checkpoint is before step {step}: expected a step from {first} on", run.display()
    )]
    NoCheckpointBefore {
        /// The run.
        run: PathBuf,
        /// The step.
        step: u64,
        /// The first step behind a checkpoint.
        first: u64,
    },
    /// The run cannot be read.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The training cannot be continued: it had other settings, other data or another instruction set.
    #[error("the step cannot be done again")]
    Train(#[from] TrainError),
    /// The run had other numbers.
    #[error(
        "step {step} cannot be shown as the run did it: its log has the loss {logged}, done again it is {found}"
    )]
    Diverged {
        /// The step.
        step: u64,
        /// The loss in the log.
        logged: f64,
        /// The loss that was found.
        found: f64,
    },
    /// The work was to end before the step was done again.
    #[error("doing the run again up to the step took too long")]
    OutOfTime,
    /// A loss or gradient is not finite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// The optimizer states a formula that has no number.
    #[error(transparent)]
    Formula(#[from] FormulaMismatch),
}

impl From<CompileError> for ExplanationError {
    fn from(error: CompileError) -> Self {
        Self::Network(error.into())
    }
}

/// One sample of `dataset` through a saved model, forward and backward, as an evaluation sees it.
///
/// # Errors
///
/// If there is no such sample, or the model does not fit to it.
///
/// # Examples
///
/// ```
/// # use data::{Dataset, Features, Targets};
/// # use gradus_train::{Trainer, explanation::of_sample};
/// # use runs::{Experiment, Split};
/// # let targets = Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 };
/// # let set = Dataset::new("xor", [2], Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]), targets)?;
/// # let split = Split { train: set.clone(), test: set.clone() };
/// # let experiment = Experiment::parse("xor.toml", r#"
/// #     data = { source = "memory" }
/// #     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
/// #     train = { batch = 4, steps = 20 }
/// # "#)?;
/// let trainer = Trainer::new(experiment, split, graph::Pool::new(1))?;
/// let pass = of_sample(trainer.saved(), &set, 3, None)?;
/// let explanation = pass.explain(&"1.linear[0]".parse()?, 10, 0)?;
/// // Two products and a bias.
/// assert_eq!(explanation.terms.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn of_sample(
    saved: &SavedModel,
    dataset: &Dataset,
    sample: usize,
    pool: Option<&Arc<Pool>>,
) -> Result<ExplainedPass<f32>, ExplanationError> {
    let (found, samples) = (sample, dataset.len());
    if sample >= samples {
        return Err(ExplanationError::Sample { found, samples });
    }
    let experiment = &saved.experiment;
    let (found, expected) = (dataset.sample_shape(), &experiment.model.input[..]);
    if found != expected {
        let (found, expected) = (found.to_vec(), expected.to_vec());
        return Err(ExplanationError::SampleShape { found, expected });
    }
    let model = experiment.model_for::<f32>(Mode::Evaluate, dataset)?;
    let indices = &[sample as u32];
    let source = BatchSource { dataset, indices, next: &[], augment: None };
    let running_statistics = &saved.running_statistics[..];
    let inputs = ModelInputs { model: &model, source, running_statistics };
    let (pool, parameters) = (pool.map(|pool| &**pool), &saved.parameters[..]);
    let run = RunArgs { pool, parameters, inputs: &inputs, ..RunArgs::default() };
    Ok(ExplainedPass::new(&model, experiment.train.loss.prediction(), 1, &run)?)
}
