//! What happens in a run, as plain structs with one text form: JSON lines.
//!
//! A run's log file and a live page's stream are the same lines, so a finished run can be replayed. One
//! line is one object, `"event"` says of which kind:
//!
//! ```
//! use gradus_events::{Event, EvaluationFinished};
//!
//! let event = Event::EvaluationFinished(EvaluationFinished {
//!     step: 600,
//!     epoch: 1.0,
//!     loss_nats: 0.25,
//!     accuracy: Some(0.975),
//!     samples: 10_000,
//!     best_accuracy: Some(0.975),
//!     wrong: vec![(8, 6)],
//! });
//! let line = r#"{"event":"evaluation_finished","step":600,"epoch":1.0,"loss_nats":0.25,"accuracy":0.975,"samples":10000,"best_accuracy":0.975,"wrong":[[8,6]]}"#;
//! assert_eq!(event.to_line(), line);
//! assert_eq!(Event::parse(line)?, event);
//! # Ok::<(), gradus_events::ParseError>(())
//! ```
//!
//! A newer version may add fields, which older readers ignore, and kinds of events, which they can tell
//! from damage ([`ParseError::UnknownKind`]) and skip.
//!
//! # Numbers
//!
//! Every finite number reads back equal. JSON has no infinity and no NaN: both are written as `null`,
//! and `null` is read as NaN. An optional number is `null` if there is none; it is never NaN.

mod command;
mod json;
mod quantiles;

use serde::{Deserialize, Serialize};

pub use command::Command;
pub use json::{Glance, ParseError, ReadError, Reader};
pub use quantiles::Quantiles;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The network is built and the data are there.
    RunStarted(RunStarted),
    /// The optimizer has updated the parameters.
    StepFinished(StepFinished),
    /// The network was measured on the test set.
    EvaluationFinished(EvaluationFinished),
    /// The network was looked into.
    Measured(Measured),
    /// The run waits.
    Paused(Paused),
    /// The run goes on.
    Resumed(Resumed),
    /// Someone has set the learning rate.
    LearningRateSet(LearningRateSet),
    /// The run is over. The last event.
    RunFinished(RunFinished),
}

/// What a run is about to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of Gradus.
    pub version: String,
    /// The name of the preset or of the experiment file.
    pub preset: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// Threads in use. They change the speed, never the result.
    pub threads: usize,
    /// The instruction set in use, such as `avx512`.
    pub isa: String,
    /// Trained numbers of the network.
    pub parameters: usize,
    /// Samples of the training set.
    pub train_samples: usize,
    /// Samples of the test set.
    pub test_samples: usize,
    /// Samples of a step.
    pub batch: usize,
    /// Steps to come; `None` if the run goes on until it is stopped.
    pub steps_planned: Option<u64>,
}

/// One optimizer step, as the training loop saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFinished {
    /// Optimizer updates so far, this one included: the first step is 1.
    pub step: u64,
    /// Passes over the training set so far, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epoch: f64,
    /// Mean data loss of the batch before the update, in nats per sample, without penalties.
    #[serde(deserialize_with = "json::number")]
    pub loss_nats: f64,
    /// What weight penalties add to the loss, in its unit.
    #[serde(deserialize_with = "json::number")]
    pub penalty: f64,
    /// Correct share of the batch before the update, in 0..=1; `None` if it was not measured.
    pub accuracy: Option<f64>,
    /// The learning rate of the update.
    #[serde(deserialize_with = "json::number")]
    pub learning_rate: f64,
    /// L2 norm of the gradient of all parameters, before clipping.
    #[serde(deserialize_with = "json::number")]
    pub grad_norm: f64,
}

/// What the network achieves on the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFinished {
    /// Optimizer updates so far.
    pub step: u64,
    /// Passes over the training set so far, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epoch: f64,
    /// Mean data loss over the test set, in nats per sample.
    #[serde(deserialize_with = "json::number")]
    pub loss_nats: f64,
    /// Correct share of the test set, in 0..=1; `None` if there are no classes.
    pub accuracy: Option<f64>,
    /// Samples measured.
    pub samples: usize,
    /// The best accuracy of the run so far, this one included.
    pub best_accuracy: Option<f64>,
    /// The samples that were not recognised, the first [`MOST_WRONG`](Self::MOST_WRONG) of them: the number of
    /// each in the test set, and the class it was taken for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<(u32, u32)>,
}

impl EvaluationFinished {
    /// Samples that `wrong` names at most: a tenth of MNIST's test set.
    pub const MOST_WRONG: usize = 1000;
}

/// What a run looks like inside: before the first step, and then now and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Optimizer updates so far.
    pub step: u64,
    /// Seconds spent in steps so far, without evaluations and pauses.
    #[serde(deserialize_with = "json::number")]
    pub train_secs: f64,
    /// The batch that was learned last, the first [`MOST_SAMPLES`](Self::MOST_SAMPLES) of it: numbers of
    /// samples in the training set. Empty before the first step.
    pub batch: Vec<u32>,
    /// The class that each sample of `batch` was taken for before the update; empty without classes.
    pub guesses: Vec<u32>,
    /// All weights of all layers, if there are any.
    pub weights: Option<Quantiles>,
    /// All biases of all layers, if there are any.
    pub biases: Option<Quantiles>,
    /// The parameters one by one.
    pub parameters: Vec<ParameterMeasured>,
}

impl Measured {
    /// Samples of the batch that are named at most.
    pub const MOST_SAMPLES: usize = 100;
}

/// The numbers of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterMeasured {
    /// Layer and part: `"3.conv2d.weight"`, layers counted from 1.
    pub name: String,
    /// Its numbers.
    pub values: Quantiles,
    /// The gradients of the last step, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradients: Option<Quantiles>,
    /// What the last step added to its numbers, if that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<Quantiles>,
}

/// A run waits until it is told to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Optimizer updates so far.
    pub step: u64,
}

/// A run goes on after it has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Optimizer updates so far.
    pub step: u64,
}

/// From the next step on, the learning rate is another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRateSet {
    /// Optimizer updates so far.
    pub step: u64,
    /// The learning rate of all steps to come; `None` if it follows the schedule again.
    pub learning_rate: Option<f64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// Why it ended.
    pub reason: Reason,
    /// What came out. Its fields stand beside `reason` in the line.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// All planned steps are done.
    Completed,
    /// An evaluation reached the accuracy that was asked for.
    TargetReached,
    /// Someone stopped it.
    Interrupted,
    /// A loss or gradient is infinite or NaN. The parameters are those before the step.
    NotFinite {
        /// The layer: its number and kind.
        layer: String,
        /// What of it: `weight`, `bias`, or `loss`.
        tensor: String,
        /// The step that could not be finished: the first step is 1.
        step: u64,
    },
}

/// What came out of a run: the object that `gradus train --json` prints as its last line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The name of the preset or of the experiment file.
    pub preset: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// Optimizer updates.
    pub steps: u64,
    /// Passes over the training set, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epochs: f64,
    /// Mean data loss of the last training batch, in nats per sample.
    #[serde(deserialize_with = "json::number")]
    pub train_loss: f64,
    /// Mean data loss of the last evaluation, in nats per sample.
    #[serde(deserialize_with = "json::number")]
    pub test_loss: f64,
    /// Accuracy of the last evaluation, in 0..=1; `None` if there are no classes.
    pub test_accuracy: Option<f64>,
    /// The best accuracy of all evaluations.
    pub best_test_accuracy: Option<f64>,
    /// SHA-256 of the final parameters and then of the batch-normalisation running statistics, in hexadecimal:
    /// little-endian `f32`, layer by layer, weight before bias.
    pub weights_digest: String,
    /// Training samples per second, evaluations left out.
    #[serde(deserialize_with = "json::number")]
    pub samples_per_second: f64,
    /// Seconds from the first step to the end, evaluations included.
    #[serde(deserialize_with = "json::number")]
    pub wall_seconds: f64,
    /// Threads in use.
    pub threads: usize,
}
