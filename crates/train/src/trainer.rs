//! A network in training: one step at a time.

mod not_finite;
mod snapshot;
mod state;
mod traced;
mod training_loop;
mod update;

use std::collections::BTreeMap;
use std::iter;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use data::{DataError, Dataset, FittedTarget};
use events::{Best, Fork, Metrics, NotFinite, Part, Selection, StartModel, StepFinished};
use graph::{Compile, MemoryLimit, Pool, ProcessGroup, Program, Times};
use nn::optim::StepInfo;
use nn::{Model, NetworkError, RunningStatistics};

use runs::early_stopping::Stagnation;
use runs::metrics::{BatchMetrics, metric_infos};
use runs::{
    DataFingerprint, Difference, Evaluator, Experiment, ExperimentError, PartRows, Parts,
    SavedError, SavedModel, Start, TrainSpec,
};

use self::update::OptimizerMemory;
use crate::batches::Batches;

pub use snapshot::EvaluatedParts;
pub(crate) use traced::{TracedElement, TracedStep};
pub use training_loop::Observer;

/// A network in training.
///
/// # Examples
///
/// ```
/// use data::{Dataset, Features, Targets};
/// use runs::{Experiment, Split};
/// use gradus_train::Trainer;
///
/// // Is the first number larger than the second?
/// let features: Vec<f32> = (0..200).map(|i| ((i * 37) % 100) as f32 / 100.0).collect();
/// let labels = features.chunks(2).map(|pair| u32::from(pair[0] > pair[1])).collect();
/// let targets = Targets::Labels { values: labels, classes: 2 };
/// let set = Dataset::new("pairs", [2], Features::F32(features), targets)?;
///
/// let experiment = Experiment::parse("pairs.toml", r#"
///     data = { source = "memory" }
///     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
///     train = { batch = 20, steps = 200, schedule = { kind = "constant", learning_rate = 0.05 } }
/// "#)?;
/// let split = Split { train: set.clone(), test: set };
/// let mut trainer = Trainer::new(experiment, split, graph::Pool::new(1))?;
/// let finished = trainer.run(None, &mut []);
/// assert!(finished.summary.test.get("accuracy") > Some(0.9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    /// The experiment, and the parameters and running statistics that are trained.
    current: SavedModel,
    /// The same with the moving average of both, if it is asked for.
    averaged: Option<SavedModel>,
    batches: Batches,
    validation: Option<Dataset>,
    test: Dataset,
    rows: PartRows,
    selection: Selection,
    pool: Arc<Pool>,
    model: Model<f32>,
    program: Program<f32>,
    evaluator: Evaluator,
    /// The processes that train together.
    /// Whether this process has all that is kept between steps, not only its own pieces.
    is_gathered: bool,
    group: Option<Arc<dyn ProcessGroup>>,
    memory: OptimizerMemory,
    /// Steps done.
    step: u64,
    /// Of the last batch.
    last_metrics: Metrics,
    batch_metrics: BatchMetrics,
    /// On the part by which the run chooses.
    best: BTreeMap<String, Best>,
    stagnation: Stagnation,
    train_secs: f64,
    /// Seconds of the run before `running_since`.
    wall_secs: f64,
    running_since: Option<Instant>,
    /// Overrides the schedule.
    learning_rate: Option<f64>,
    /// The parameters before a step that a snapshot follows, and the number of steps done then.
    previous: (Vec<f32>, Option<u64>),
    times: Option<Times>,
    start: Option<StartModel>,
    fork_of: Option<Fork>,
    /// Steps done when the run began, and when this trainer did.
    first_step: u64,
    first_own_step: u64,
    /// Whether the next start of the run continues from a state.
    is_resumed: bool,
    /// Of the data, computed when it is first needed.
    fingerprints: OnceLock<Vec<DataFingerprint>>,
}

/// Why a network cannot be trained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The network does not fit, in itself or to the targets.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A setting of the experiment is wrong.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The batches cannot be drawn.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The samples are not of the network's input shape.
    #[error("model.input is {expected:?}, but a sample of the {set} set is {found:?}")]
    SampleShape {
        /// The name of the set.
        set: &'static str,
        /// The shape of its samples.
        found: Vec<usize>,
        /// The input shape of the network.
        expected: Vec<usize>,
    },
    /// A set has no samples.
    #[error("the {set} set has no samples")]
    Empty {
        /// The name of the set.
        set: &'static str,
    },
    /// The trained network to begin with cannot be read.
    #[error("model.start")]
    Start(#[from] SavedError),
    /// The trained network to begin with has nothing that this one has.
    #[error(
        "model.start {}: expected a network with tensors of the same path and shape, found none; it has {}",
        model.display(), left.join(", ")
    )]
    NothingTaken {
        /// The run directory or file.
        model: PathBuf,
        /// Its tensors.
        left: Vec<String>,
    },
    /// There is no such metric.
    #[error(
        "train.early_stopping.metric: expected one of {}, found {found:?}", known.join(", ")
    )]
    Metric {
        /// The name in the experiment.
        found: String,
        /// The metrics of the run.
        known: Vec<String>,
    },
    /// A state is of another training.
    #[error(
        "cannot continue from the state of step {step}: it is of another training{}",
        Difference::lines(differences)
    )]
    OtherTraining {
        /// The step of the state.
        step: u64,
        /// What is another, from the state to the trainer.
        differences: Vec<Difference>,
    },
    /// The shards of a batch do not give each process samples.
    #[error(
        "train.shards: expected from {processes}, one for each process, to {batch}, the samples of a batch, found {found}"
    )]
    Shards {
        /// The shards.
        found: usize,
        /// The processes.
        processes: usize,
        /// Samples of a batch.
        batch: usize,
    },
    /// A batch is larger than the training set.
    #[error("train.batch: expected at most the {most} samples of the training set, found {found}")]
    Batch {
        /// Samples of a batch.
        found: usize,
        /// Samples of the training set.
        most: usize,
    },
}

impl TrainError {
    /// The setting of `experiment` that the error is about, such as `model.layers.2`, if it is about one.
    pub fn setting(&self, experiment: &Experiment) -> Option<String> {
        match self {
            Self::Network(NetworkError::Loss { .. }) => Some("train.loss".to_owned()),
            Self::Network(NetworkError::Setting(setting)) if setting.name.starts_with("train.") => {
                Some(setting.name.clone())
            }
            Self::Network(error) => Some(format!("model.{}", experiment.model.setting_of(error)?)),
            Self::SampleShape { .. } => Some("model.input".to_owned()),
            Self::Start(_) | Self::NothingTaken { .. } => Some("model.start".to_owned()),
            Self::Batch { .. } => Some("train.batch".to_owned()),
            Self::Shards { .. } => Some("train.shards".to_owned()),
            Self::Metric { .. } => Some("train.early_stopping.metric".to_owned()),
            Self::Experiment(ExperimentError::Parts(_)) => Some("data.validation".to_owned()),
            Self::Experiment(_)
            | Self::Data(_)
            | Self::Empty { .. }
            | Self::OtherTraining { .. } => None,
        }
    }
}

impl Trainer {
    /// Makes a network ready for its first step. Of data in two sets, training and test, the experiment says whether some
    /// of the training set is a validation set, as for data that it reads itself.
    ///
    /// # Errors
    ///
    /// If network, settings and data do not fit together, or if training needs more than 16 GiB, counted as
    /// [`with_memory_limit`](Self::with_memory_limit) does, with one thread. Nothing of the data is read for that but
    /// sizes.
    pub fn new(
        experiment: Experiment,
        data: impl Into<Parts>,
        pool: impl Into<Arc<Pool>>,
    ) -> Result<Self, TrainError> {
        Self::within(experiment, data.into(), pool.into(), MemoryLimit::default(), None)
    }

    /// As [`with_memory_limit`](Self::with_memory_limit), for one of the processes that share each batch and each evaluation.
    /// Every process makes a trainer of the same experiment and data, and calls the same methods in the same order; each
    /// holds all parameters, and reports the same.
    ///
    /// # Errors
    ///
    /// As there, and if `train.shards` is below the number of processes or above `train.batch`.
    pub fn in_group(
        experiment: Experiment,
        data: impl Into<Parts>,
        pool: impl Into<Arc<Pool>>,
        bytes: usize,
        group: Arc<dyn ProcessGroup>,
    ) -> Result<Self, TrainError> {
        let (pool, TrainSpec { shards, batch, .. }) = (pool.into(), &experiment.train);
        if !(group.size()..=*batch).contains(shards) {
            return Err(TrainError::Shards {
                found: *shards,
                processes: group.size(),
                batch: *batch,
            });
        }
        let memory = MemoryLimit { bytes, reserved: 0, threads: pool.threads() };
        Self::within(experiment, data.into(), pool, memory, Some(group))
    }

    /// As [`new`](Self::new), with at most `bytes` for parameters, gradients, the optimizer's state, and the values of
    /// training and evaluation, with the threads of the pool. It is known from the plan, before it is allocated. What
    /// the data takes is not counted.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), with the layer that needs most.
    pub fn with_memory_limit(
        experiment: Experiment,
        data: impl Into<Parts>,
        pool: impl Into<Arc<Pool>>,
        bytes: usize,
    ) -> Result<Self, TrainError> {
        let pool = pool.into();
        let memory = MemoryLimit { bytes, reserved: 0, threads: pool.threads() };
        Self::within(experiment, data.into(), pool, memory, None)
    }

    fn within(
        experiment: Experiment,
        parts: Parts,
        pool: Arc<Pool>,
        mut memory: MemoryLimit,
        group: Option<Arc<dyn ProcessGroup>>,
    ) -> Result<Self, TrainError> {
        let experiment = experiment.checked()?;
        let parts = experiment.data.prepare(parts)?;
        let transforms = parts.transforms().expect("prepared").clone();
        let expected = &experiment.model.input;
        let validation = parts.validation.as_ref().map(|dataset| ("validation", dataset));
        let sets = [("training", &parts.train), ("test", &parts.test)];
        for (set, dataset) in sets.into_iter().chain(validation) {
            if dataset.is_empty() {
                return Err(TrainError::Empty { set });
            }
            if dataset.sample_shape() != expected {
                let (found, expected) = (dataset.sample_shape().to_vec(), expected.clone());
                return Err(TrainError::SampleShape { set, found, expected });
            }
        }
        let (train, batch) = (&experiment.train, experiment.train.batch);
        if batch > parts.train.len() {
            return Err(TrainError::Batch { found: batch, most: parts.train.len() });
        }
        let selection = selection(&experiment, &parts)?;
        let model: Model<f32> =
            experiment.training_model(&parts.train, |class| transforms.class_name(class))?;
        model.check_batch(batch)?;
        // The parameters, a copy of them before a step that a snapshot follows, and what the optimizer keeps.
        let n_kept = 2 * model.graph.n_parameters() + OptimizerMemory::len(train, &model);
        memory.reserved = n_kept * size_of::<f32>();
        let options = Compile {
            batch,
            loss: Some(model.loss),
            keep: vec![model.prediction],
            shards: train.shards,
            memory,
            ..Compile::default()
        };
        let graph = model.graph.clone();
        let program = match &group {
            None => Program::new(graph, &options),
            Some(group) => Program::in_group(graph, &options, Arc::clone(group)),
        };
        let program = program.map_err(NetworkError::from)?;
        memory.reserved += program.bytes();
        let evaluated: Vec<&Dataset> = iter::once(&parts.test).chain(&parts.validation).collect();
        let mut evaluator = Evaluator::for_all(&experiment, &evaluated, memory)?;
        if let Some(group) = &group {
            evaluator.share_with(Arc::clone(group));
        }
        let parameters = model.initial_parameters(train.seed);
        let rows = parts.rows().clone();
        let batches = Batches::new(&experiment, parts.train)?;
        let initial = model.running_statistics.iter().flat_map(RunningStatistics::initial);
        let running_statistics = initial.collect();
        let mut current = SavedModel { experiment, transforms, parameters, running_statistics };
        let start = match current.experiment.model.start.clone() {
            None => None,
            Some(path) => {
                let trained = SavedModel::read(&path)?;
                let Start { taken, left, new } = Start::take(&trained, &mut current, &model)?;
                if taken.is_empty() {
                    return Err(TrainError::NothingTaken { model: path, left });
                }
                Some(StartModel { model: path.display().to_string(), taken, left, new })
            }
        };
        let train = &current.experiment.train;
        let scales = current.transforms.target().map_or(&[][..], FittedTarget::scales);
        Ok(Self {
            start,
            fork_of: None,
            first_step: 0,
            first_own_step: 0,
            is_resumed: false,
            is_gathered: true,
            fingerprints: OnceLock::new(),
            wall_secs: 0.0,
            running_since: None,
            memory: OptimizerMemory::new(train, &model, &current.parameters),
            averaged: train.ema.is_some().then(|| current.clone()),
            step: 0,
            last_metrics: Metrics::new(f64::NAN),
            batch_metrics: BatchMetrics::new(&program, &pool, batches.dataset.targets(), scales),
            best: BTreeMap::new(),
            stagnation: Stagnation::default(),
            train_secs: 0.0,
            learning_rate: None,
            previous: (Vec::new(), None),
            times: None,
            current,
            batches,
            validation: parts.validation,
            test: parts.test,
            rows,
            selection,
            pool,
            model,
            program,
            evaluator,
            group,
        })
    }

    /// The graph being trained.
    pub fn model(&self) -> &Model<f32> {
        &self.model
    }

    /// The graph, compiled for training.
    pub fn program(&self) -> &Program<f32> {
        &self.program
    }

    /// The training set.
    pub fn train_set(&self) -> &Dataset {
        &self.batches.dataset
    }

    /// The validation set, if there is one.
    pub fn validation_set(&self) -> Option<&Dataset> {
        self.validation.as_ref()
    }

    /// The test set.
    pub fn test_set(&self) -> &Dataset {
        &self.test
    }

    /// Where the samples of each set come from.
    pub fn part_rows(&self) -> &PartRows {
        &self.rows
    }

    /// By what the run chooses its best evaluation, and whether it ends early: the validation set or, without one, the
    /// test set, and the metric of `train.early_stopping`, or the accuracy with classes and else the loss.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The threads of this process.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Optimizer updates so far.
    pub fn steps_done(&self) -> u64 {
        self.step
    }

    /// Optimizer updates of the whole run.
    pub fn steps_planned(&self) -> u64 {
        self.current.experiment.train.steps_for(self.batches.dataset.len())
    }

    /// Passes over the training set so far, with their fraction.
    pub fn epochs_done(&self) -> f64 {
        let train = &self.current.experiment.train;
        let samples = train.epoch_samples(self.batches.dataset.len());
        self.step as f64 * train.batch as f64 / samples as f64
    }

    /// The network as it is evaluated, ready to be saved: with the averaged parameters and running statistics, if
    /// `train.ema` asks for them, else with those that are trained.
    pub fn saved(&self) -> &SavedModel {
        self.averaged.as_ref().unwrap_or(&self.current)
    }

    /// The network as it is trained. It differs from [`saved`](Self::saved) only with `train.ema`.
    pub fn current(&self) -> &SavedModel {
        &self.current
    }

    /// What the network took from a trained one, if it began with one.
    pub fn start(&self) -> Option<&StartModel> {
        self.start.as_ref()
    }

    /// Sets the learning rate of all steps to come, or lets it follow the schedule again.
    pub fn set_learning_rate(&mut self, learning_rate: Option<f64>) {
        self.learning_rate = learning_rate;
    }

    /// Counts from now on, from 0, how long each node takes; see [`times`](Self::times).
    pub fn start_times(&mut self) {
        self.times = Some(Times::new(&self.model.graph));
    }

    /// How long each node took since [`start_times`](Self::start_times), without the optimizer's update.
    pub fn times(&self) -> Option<&Times> {
        self.times.as_ref()
    }

    /// Whether [`state`](Self::state) can be called. One of several processes has all that it takes
    /// after an evaluation and, in a [run](Self::run), every few steps.
    pub fn has_state(&self) -> bool {
        self.is_gathered
    }

    /// Does one step.
    ///
    /// # Errors
    ///
    /// If a loss or gradient is not finite. Then nothing has changed.
    pub fn step(&mut self) -> Result<StepFinished, NotFinite> {
        self.batches.draw(self.step);
        let info = self.step_info();
        if !self.run_and_update(&info) {
            return Err(self.find_not_finite());
        }
        let loss = f64::from(self.program.scalar(self.model.loss));
        let grad_norm = self.program.gradient_norm();
        self.update_running_statistics();
        self.step += 1;
        let data_loss = f64::from(self.program.scalar(self.model.data_loss));
        self.last_metrics =
            match self.step.is_multiple_of(self.current.experiment.train.report_every) {
                true => self.batch_metrics.metrics(
                    data_loss,
                    (&self.program, self.model.prediction),
                    &self.pool,
                    self.batches.dataset.targets(),
                    &self.batches.indices,
                ),
                false => Metrics::new(data_loss),
            };
        Ok(StepFinished {
            step: self.step,
            epoch: self.epochs_done(),
            metrics: self.last_metrics.clone(),
            penalty: loss - data_loss,
            learning_rate: info.learning_rate,
            grad_norm,
        })
    }

    /// The learning rate and the momentum of the next step.
    fn step_info(&self) -> StepInfo {
        let train = &self.current.experiment.train;
        let at = train.step_of(self.step, self.batches.dataset.len());
        let schedule = train.schedule.as_dyn();
        let learning_rate = self.learning_rate.unwrap_or_else(|| schedule.learning_rate(at));
        let momentum = schedule.momentum(at);
        StepInfo { momentum, ..StepInfo::new(learning_rate, self.step + 1) }
    }

    fn update_running_statistics(&mut self) {
        let running = &mut self.current.running_statistics;
        for statistic in &self.model.running_statistics {
            let momentum = statistic.momentum_at(self.step) as f32;
            if self.model.graph.node(statistic.moments).leaf().is_some() {
                // Of a frozen layer: an input.
                continue;
            }
            let moments = self.program.shared_value(statistic.moments);
            let moments = moments.expect("computed for all tiles");
            for (own, &moment) in running[statistic.range.clone()].iter_mut().zip(moments) {
                *own = momentum * *own + (1.0 - momentum) * moment;
            }
        }
        if let Some((averaged, ema)) =
            self.averaged.as_mut().zip(self.current.experiment.train.ema.as_ref())
        {
            ema.apply(self.step + 1, running, &mut averaged.running_statistics);
        }
    }
}

/// By what a run chooses.
fn selection(experiment: &Experiment, parts: &Parts) -> Result<Selection, TrainError> {
    let metrics = metric_infos(&experiment.train.loss, parts.test.targets());
    let known: Vec<String> = metrics.into_iter().map(|metric| metric.name).collect();
    let usual = ["accuracy", "loss"].into_iter().find(|name| known.iter().any(|each| each == name));
    let rule = experiment.train.early_stopping.as_ref();
    let metric =
        rule.and_then(|rule| rule.metric.clone()).unwrap_or(usual.unwrap_or("loss").into());
    if !known.contains(&metric) {
        return Err(TrainError::Metric { found: metric, known });
    }
    let part = if parts.validation.is_some() { Part::Validation } else { Part::Test };
    Ok(Selection { part, metric })
}
