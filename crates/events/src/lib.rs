//! The events of a training run as plain structs with one text form: JSON lines.
//!
//! The log file of a run and the stream of a live page are the same lines, so a finished run can be replayed. One
//! line is one object, `"event"` names its kind:
//!
//! ```
//! use std::collections::BTreeMap;
//! use gradus_events::{Best, EvaluationFinished, Event, Metrics, Part};
//!
//! let event = Event::EvaluationFinished(EvaluationFinished {
//!     step: 600,
//!     epoch: 1.0,
//!     part: Part::Test,
//!     samples: 10_000,
//!     metrics: Metrics::new(0.25).with("accuracy", 0.975),
//!     best: BTreeMap::from([("accuracy".into(), Best { value: 0.98, step: 400, test: None })]),
//!     misclassified: vec![(8, 6)],
//! });
//! let line = r#"{"event":"evaluation_finished","step":600,"epoch":1.0,"part":"test","samples":10000,"metrics":{"loss":0.25,"accuracy":0.975},"best":{"accuracy":{"value":0.98,"step":400}},"misclassified":[[8,6]]}"#;
//! assert_eq!(event.to_line(), line);
//! assert_eq!(Event::parse(line)?, event);
//! # Ok::<(), gradus_events::ParseError>(())
//! ```
//!
//! `docs/events.md` in the repository describes the format field by field, with units.
//!
//! A newer version may add fields, which older readers ignore, metrics, which readers keep, and kinds of events, which
//! readers can tell from damage ([`ParseError::UnknownKind`]) and skip. What older readers cannot understand has
//! another number in [`RunStarted::format`].
//!
//! # Numbers
//!
//! Every finite number reads back equal. JSON has no infinity and no NaN: both are written as `null`,
//! and `null` is read as NaN. An optional number is absent or `null`; it is never NaN.

mod command;
mod json;
mod metrics;
mod quantiles;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use command::{Command, CommandError};
pub use json::{EventTag, LineLen, MAX_LINE, ParseError, ReadError, Reader, merged, read_line};
pub use metrics::{Best, MetricInfo, Metrics};
pub use quantiles::Quantiles;

/// The version of the format that this crate writes and reads.
pub const FORMAT: u32 = 1;

/// Makes the events of one list: each kind is a struct of the same name, and stands in a log under that name in
/// snake_case.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $Kind:ident,)+) => {
        /// Something that happened in a run.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "event", rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Event {
            $($(#[doc = $doc])+ $Kind($Kind),)+
        }

        /// The kind of an [`Event`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[doc = $doc])+ $Kind,)+
        }

        impl Event {
            /// Reads an event of a known kind. As a tagged enum, a line would be taken apart and kept in between, which
            /// takes three times as long.
            fn read(kind: EventKind, line: &[u8]) -> serde_json::Result<Self> {
                match kind {
                    $(EventKind::$Kind => serde_json::from_slice(line).map(Self::$Kind),)+
                }
            }
        }
    };
}

events! {
    /// The network is built and the data are read. The first event; a run that is continued has several.
    RunStarted,
    /// The optimizer has updated the parameters.
    StepFinished,
    /// The network was evaluated on a part of the data.
    EvaluationFinished,
    /// Statistics of the parameters, and the last batch.
    Snapshot,
    /// The run waits.
    Paused,
    /// The run continues after a pause.
    Unpaused,
    /// The learning rate was set by hand.
    LearningRateSet,
    /// What the processes that train together have exchanged was measured.
    ProcessesMeasured,
    /// The run has ended. A run that is continued has several.
    RunFinished,
}

impl Event {
    /// Optimizer updates when it happened.
    pub fn step(&self) -> u64 {
        match self {
            Self::RunStarted(started) => started.continues.unwrap_or(0),
            Self::StepFinished(step) => step.step,
            Self::EvaluationFinished(evaluation) => evaluation.step,
            Self::Snapshot(snapshot) => snapshot.step,
            Self::Paused(Paused { step }) | Self::Unpaused(Unpaused { step }) => *step,
            Self::LearningRateSet(set) => set.step,
            Self::ProcessesMeasured(measured) => measured.step,
            Self::RunFinished(finished) => finished.summary.steps,
        }
    }
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The training set.
    Train,
    /// The validation set.
    Validation,
    /// The test set.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// By what a run chooses: its best values, and whether it ends early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The part of the data: the validation set or, without one, the test set, which then does not measure what the
    /// network does with new data.
    pub part: Part,
    /// The name of the metric.
    pub metric: String,
}

/// What a run is about to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The version of Gradus.
    pub version: String,
    /// The name of the experiment: that of the preset or of the file.
    pub name: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// Threads in use. They change the speed, never the result.
    pub threads: usize,
    /// The instruction set in use, such as `avx512`.
    pub isa: String,
    /// The process that writes this log, of several that train together; from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Processes that train together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranks: Option<usize>,
    /// Trained numbers of the network.
    pub parameters: usize,
    /// The trained network that this one began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartModel>,
    /// Samples of each part of the data.
    pub parts: BTreeMap<Part, usize>,
    /// By what the run chooses.
    pub selection: Selection,
    /// Samples of a step.
    pub batch: usize,
    /// Steps to come; `None` if the run has no planned end.
    pub steps_planned: Option<u64>,
    /// The kind of the loss, such as `cross_entropy`.
    pub loss: String,
    /// The metrics of this run in order, the loss first.
    pub metrics: Vec<MetricInfo>,
    /// The step that this start continues from; `None` for a run that begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<u64>,
    /// The run whose state this one began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork_of: Option<Fork>,
}

/// A trained network whose parameters another one began with. Tensors are named by their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartModel {
    /// The run directory or file.
    pub model: String,
    /// Tensors that were taken.
    pub taken: Vec<String>,
    /// Tensors of the trained network that were not.
    pub left: Vec<String>,
    /// Tensors that began as without it.
    pub new: Vec<String>,
}

impl RunStarted {
    /// Samples of a part of the data, 0 if there is no such part.
    pub fn samples_of(&self, part: Part) -> usize {
        self.parts.get(&part).copied().unwrap_or(0)
    }
}

/// Where a run branched off from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The other run.
    pub run: String,
    /// Its optimizer updates at that moment.
    pub step: u64,
}

/// One optimizer step, as the training loop saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFinished {
    /// Optimizer updates so far, this one included: the first step is 1.
    pub step: u64,
    /// Passes over the training set so far, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epoch: f64,
    /// Metrics of the batch before the update: the mean data loss without penalties, and now and then the others.
    pub metrics: Metrics,
    /// What weight penalties add to the loss, in its unit.
    #[serde(deserialize_with = "json::number")]
    pub penalty: f64,
    /// The learning rate of the update.
    #[serde(deserialize_with = "json::number")]
    pub learning_rate: f64,
    /// L2 norm of the gradient of all parameters, before clipping.
    #[serde(deserialize_with = "json::number")]
    pub grad_norm: f64,
}

/// The metrics of the network on a part of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationFinished {
    /// Optimizer updates so far.
    pub step: u64,
    /// Passes over the training set so far, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epoch: f64,
    /// The part of the data.
    pub part: Part,
    /// Samples of that part.
    pub samples: usize,
    /// The metrics over all these samples.
    pub metrics: Metrics,
    /// The best value of each metric on this part so far, this evaluation included; empty unless the run chooses by this
    /// part.
    pub best: BTreeMap<String, Best>,
    /// The misclassified samples, the first [`MOST_MISCLASSIFIED`] of them: the index of each in its part, and the
    /// predicted class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misclassified: Vec<(u32, u32)>,
}

/// Misclassified samples that an evaluation lists at most: a tenth of MNIST's test set.
pub const MOST_MISCLASSIFIED: usize = 1000;

/// Statistics of the parameters, and the last batch: before the first step, and then now and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Optimizer updates so far.
    pub step: u64,
    /// Seconds spent in steps so far, without evaluations and pauses.
    #[serde(deserialize_with = "json::number")]
    pub train_secs: f64,
    /// The batch of the last step, the first [`MOST_SAMPLES`] of it: indices in the training set. Empty before the
    /// first step.
    pub batch: Vec<u32>,
    /// The predicted class of each sample of `batch`, before the update; empty without classes.
    pub predictions: Vec<u32>,
    /// All weights of all layers, if there are any.
    pub weights: Option<Quantiles>,
    /// All biases of all layers, if there are any.
    pub biases: Option<Quantiles>,
    /// The parameters one by one.
    pub parameters: Vec<ParameterSnapshot>,
}

/// Samples of the batch that a snapshot lists at most.
pub const MOST_SAMPLES: usize = 100;

/// Statistics of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterSnapshot {
    /// The path of its layer: `"3.conv2d"`, layers counted from 1.
    pub layer: String,
    /// Its name in the layer.
    pub part: String,
    /// What it does there: `weight`, `bias`, `scale`, `offset` or `embedding`.
    pub role: String,
    /// Its values.
    pub values: Quantiles,
    /// Its gradients of the last step, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradients: Option<Quantiles>,
    /// What the last step added to its values, if that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<Quantiles>,
}

/// A run is paused until a command continues it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Optimizer updates so far.
    pub step: u64,
}

/// A run continues after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpaused {
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

/// What the processes that train together have exchanged since the run was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessesMeasured {
    /// Optimizer updates so far.
    pub step: u64,
    /// Each process, by rank.
    pub processes: Vec<ProcessMeasured>,
}

/// One of the processes that train together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessMeasured {
    /// The machine it runs on.
    pub host: String,
    /// Its threads.
    pub threads: usize,
    /// Its shards of each batch.
    pub shards: usize,
    /// Seconds since the run was started.
    pub seconds: f64,
    /// How many of these it exchanged numbers, most of them waiting for the other processes.
    pub exchange_seconds: f64,
    /// Exchanges in which it took part.
    pub messages: u64,
    /// Bytes that it sent.
    pub bytes: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// Why it ended.
    pub reason: Reason,
    /// Whether the final model was saved; `None` if the run was not recorded in a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_saved: Option<bool>,
    /// The results. Their fields stand beside `reason` in the line.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Why a run ended: an object, `"kind"` says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// All planned steps are done.
    Completed,
    /// An evaluation reached the accuracy that was asked for.
    TargetReached,
    /// As many evaluations in a row as `train.early_stopping` allows brought no improvement.
    StoppedEarly,
    /// It was stopped.
    Interrupted,
    /// A loss or gradient is infinite or NaN.
    NotFinite(NotFinite),
    /// A reason that only a newer version knows.
    #[serde(other)]
    Unknown,
}

/// A loss or gradient is infinite or NaN. The step was not taken: the parameters are those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFinite {
    /// The step that could not be finished: the first step is 1.
    pub step: u64,
    /// What was not finite.
    pub what: NotFiniteKind,
    /// The path of the layer, such as `"3.conv2d"`; `None` for the data, the loss and the norm of all gradients.
    pub layer: Option<String>,
    /// The op whose result it is (`matmul`), the name of a parameter in its layer (`weight`), or `input`; `None` for the norm.
    pub node: Option<String>,
    /// The shape of that value; `null` stands for the batch.
    pub shape: Vec<Option<usize>>,
}

/// What of a node is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFiniteKind {
    /// The result of an op, a parameter or an input.
    Value,
    /// The gradient of the loss with respect to it.
    Gradient,
    /// The L2 norm of all gradients of parameters.
    GradientNorm,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, what, layer, node, shape } = self;
        write!(f, "step {step}: ")?;
        match what {
            NotFiniteKind::Value => f.write_str("value")?,
            NotFiniteKind::Gradient => f.write_str("gradient")?,
            NotFiniteKind::GradientNorm => f.write_str("the norm of the gradient")?,
        }
        if let Some(node) = node {
            let sizes = shape.iter().map(|size| size.map_or("N".into(), |size| size.to_string()));
            write!(f, " of {node} [{}]", sizes.collect::<Vec<_>>().join(", "))?;
        }
        if let Some(layer) = layer {
            write!(f, " in layer {layer}")?;
        }
        f.write_str(" is not finite; the step was not taken")
    }
}

impl std::error::Error for NotFinite {}

/// The results of a run: the object that `gradus train --json` prints as its last line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The name of the experiment.
    pub name: String,
    /// The seed of every random draw.
    pub seed: u64,
    /// Optimizer updates.
    pub steps: u64,
    /// Passes over the training set, with their fraction.
    #[serde(deserialize_with = "json::number")]
    pub epochs: f64,
    /// Metrics of the last training batch: the loss, and the others if they were reported for it.
    pub train: Metrics,
    /// Metrics of the last evaluation on the validation set, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Metrics>,
    /// Metrics of the last evaluation on the test set.
    pub test: Metrics,
    /// The best value of each metric of all evaluations on the part by which the run chose.
    pub best: BTreeMap<String, Best>,
    /// By what the run chose.
    pub selection: Selection,
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
