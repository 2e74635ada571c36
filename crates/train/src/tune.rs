//! The search for good settings: a sweep of trials, each a run of its own.
//!
//! ```
//! # use data::{Dataset, Features, Targets};
//! # use gradus_train::tune::{Sweep, SweepInputs};
//! # use runs::tune::Tuning;
//! # use runs::{DataSpec, ExperimentError, Parts, Split};
//! # fn open(data: &DataSpec) -> Result<Parts, ExperimentError> {
//! #     let features: Vec<f32> = (0..400).map(|i| ((i * 37) % 100) as f32 / 100.0).collect();
//! #     let values = features.chunks(2).map(|pair| u32::from(pair[0] > pair[1])).collect();
//! #     let targets = Targets::Labels { values, classes: 2 };
//! #     let train = Dataset::new("pairs", [2], Features::F32(features), targets)?;
//! #     let targets = Targets::Labels { values: vec![0], classes: 2 };
//! #     let test = Dataset::new("one", [2], Features::F32(vec![0.015, 0.5]), targets)?;
//! #     data.prepare(Split { train, test })
//! # }
//! # let runs = tempfile::tempdir()?;
//! let tuning = Tuning::parse("pairs.toml", r#"
//!     data = { source = "memory", validation = 0.25 }
//!     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
//!     train = { batch = 20, steps = 100 }
//!
//!     [tune]
//!     trials = 4
//!     "train.schedule.learning_rate" = { log = [1e-4, 1e-1] }
//! "#)?;
//! let inputs = SweepInputs { open_data: &open, pool: graph::Pool::new(1).into(), memory_limit: None };
//! let mut sweep = Sweep::create(tuning, inputs, &runs.path().join("first"))?;
//! sweep.run(&mut [])?;
//! let best = sweep.record().ranked()[0];
//! assert!(best.metric > Some(0.5));
//! assert!(sweep.path().join(&best.run).join("experiment.toml").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use diagnostics::chain;
use events::{Command, Event, Part, Reason};
use graph::Pool;
use runs::metrics::metric_infos;
use runs::tune::{
    SweepFolder, SweepFolderError, SweepRecord, SweepStarted, Trial, TrialResult, Tuning,
};
use runs::{
    DataFingerprint, DataSpec, Experiment, ExperimentError, Parts, RunFolder, RunFolderError,
    StoppedRun,
};
use serde::{Deserialize, Serialize};

use crate::{Observer, Recorder, TrainError, Trainer};

/// Reads the data of an experiment.
pub type OpenParts<'a> = &'a dyn Fn(&DataSpec) -> Result<Parts, ExperimentError>;

/// What a sweep trains with. None of it changes the results.
#[derive(Clone)]
pub struct SweepInputs<'a> {
    /// Reads the data of an experiment.
    pub open_data: OpenParts<'a>,
    /// The threads: trials are trained one after the other, each on all of them.
    pub pool: Arc<Pool>,
    /// Bytes that a trial may need, as for [`Trainer::with_memory_limit`].
    pub memory_limit: Option<usize>,
}

/// A sweep in its folder, ready to be run or continued.
pub struct Sweep<'a> {
    folder: SweepFolder,
    trials: TrialTrainer<'a>,
}

/// Trains trials of a sweep, each in its run folder within that of the sweep. Several processes may train trials of one
/// sweep; the one that has its [`Sweep`] writes its record.
pub struct TrialTrainer<'a> {
    tuning: Tuning,
    started: SweepStarted,
    path: PathBuf,
    inputs: SweepInputs<'a>,
    data: LatestParts,
}

/// A trial, and the rung for which it is trained, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrialTask {
    /// The number of the trial.
    pub trial: usize,
    /// The rung.
    pub rung: usize,
}

/// Other processes that train trials of a sweep.
pub trait TrialHelpers {
    /// Whether one of them has no trial.
    fn has_free(&self) -> bool;

    /// Gives a trial to one that has none.
    fn give(&mut self, task: TrialTask);

    /// What has come of a trial, each once; none if nothing has come since.
    fn news(&mut self) -> Option<HelperNews>;

    /// How many trials are being trained.
    fn busy(&self) -> usize;

    /// Tells all to stop. What comes of their trials still comes.
    fn stop(&mut self);
}

/// What has come of a trial in another process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HelperNews {
    /// It is trained.
    Found(TrialResult),
    /// It was interrupted: the process trains no others.
    Interrupted,
    /// It cannot be trained, and why.
    Failed(String),
}

/// No other process helps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl TrialHelpers for Alone {
    fn has_free(&self) -> bool {
        false
    }

    fn give(&mut self, _task: TrialTask) {}

    fn news(&mut self) -> Option<HelperNews> {
        None
    }

    fn busy(&self) -> usize {
        0
    }

    fn stop(&mut self) {}
}

/// The data that was read last, and what it is: most trials have the same.
#[derive(Default)]
struct LatestParts(Option<(DataSpec, Parts)>);

impl LatestParts {
    fn open(
        &mut self,
        data: &DataSpec,
        inputs: &SweepInputs<'_>,
    ) -> Result<Parts, ExperimentError> {
        match &self.0 {
            Some((latest, parts)) if latest == data => Ok(parts.clone()),
            _ => {
                let parts = (inputs.open_data)(data)?;
                self.0 = Some((data.clone(), parts.clone()));
                Ok(parts)
            }
        }
    }
}

/// Follows a sweep, and the run of each of its trials.
pub trait SweepObserver: Observer {
    /// A trial is about to be trained in a rung, from 1.
    fn trial_started(&mut self, _trial: &Trial, _rung: usize) {}

    /// A trial is trained in a rung, from 1, by another process.
    fn trial_given(&mut self, _trial: &Trial, _rung: usize) {}

    /// A trial has been trained.
    fn trial_finished(&mut self, _result: &TrialResult) {}
}

/// How a call of [`Sweep::run`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepEnd {
    /// All trials are trained.
    Completed,
    /// An observer stopped it.
    Interrupted,
}

/// Why a sweep cannot be started or continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TuneError {
    /// The experiment is wrong, or a range does not fit it or its data.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// The folder of the sweep.
    #[error(transparent)]
    Folder(#[from] SweepFolderError),
    /// The run of a trial cannot be recorded.
    #[error(transparent)]
    Run(#[from] RunFolderError),
    /// What a trial that was not finished left cannot be removed.
    #[error("{}", path.display())]
    Io {
        /// The folder of its run.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// Another process that trains trials of the sweep has failed.
    #[error("{0}")]
    Helper(String),
}

impl<'a> Sweep<'a> {
    /// Makes a sweep ready, in the folder `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// Before anything is trained or written: if there is no validation part or no such metric, or if an end of a range
    /// does not fit the network, the data or the memory.
    pub fn create(tuning: Tuning, inputs: SweepInputs<'a>, path: &Path) -> Result<Self, TuneError> {
        Self::planned(tuning, inputs, |tuning, started| SweepFolder::create(path, tuning, started))
    }

    /// As [`create`](Self::create), errors included, in `runs`: named after the experiment, with the next free number
    /// (`runs/softmax-tune-3`).
    pub fn create_next(
        tuning: Tuning,
        inputs: SweepInputs<'a>,
        runs: &Path,
    ) -> Result<Self, TuneError> {
        Self::planned(tuning, inputs, |tuning, started| {
            SweepFolder::create_next(runs, tuning, &started)
        })
    }

    fn planned(
        tuning: Tuning,
        inputs: SweepInputs<'a>,
        create: impl FnOnce(&Tuning, SweepStarted) -> Result<SweepFolder, SweepFolderError>,
    ) -> Result<Self, TuneError> {
        let mut data = LatestParts::default();
        let started = plan(&tuning, &inputs, &mut data)?;
        let folder = create(&tuning, started)?;
        let trials =
            TrialTrainer::new(tuning, folder.record().started.clone(), folder.path(), inputs);
        Ok(Self { folder, trials: TrialTrainer { data, ..trials } })
    }

    /// The sweep in the folder `path`, which was stopped or killed.
    ///
    /// # Errors
    ///
    /// As [`SweepFolder::open`].
    pub fn resume(path: &Path, inputs: SweepInputs<'a>) -> Result<Self, TuneError> {
        let (folder, tuning) = SweepFolder::open(path)?;
        let trials =
            TrialTrainer::new(tuning, folder.record().started.clone(), folder.path(), inputs);
        Ok(Self { folder, trials })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What was planned, and the trials that were trained.
    pub fn record(&self) -> &SweepRecord {
        self.folder.record()
    }

    /// What trains its trials.
    pub fn trials(&mut self) -> &mut TrialTrainer<'a> {
        &mut self.trials
    }

    /// The experiment with its ranges.
    pub fn tuning(&self) -> &Tuning {
        &self.trials.tuning
    }

    /// Trains the trials that are left. Each is a run folder; what it found is written down when it ends, so that a sweep
    /// that is stopped or killed at any moment and continued finds the same.
    ///
    /// A trial that is trained longer in the next rung is trained from its beginning: its bytes are those of a run of that
    /// length, whose schedule may follow the length.
    ///
    /// # Errors
    ///
    /// If a trial cannot be trained or recorded. A loss that is not finite makes a trial the worst.
    pub fn run(&mut self, observers: &mut [&mut dyn SweepObserver]) -> Result<SweepEnd, TuneError> {
        self.run_with(&mut Alone, observers)
    }

    /// As [`run`](Self::run), with other processes, which receive trials as they come free. Which process trains a trial
    /// changes nothing of what it finds.
    ///
    /// # Errors
    ///
    /// As there, and if another process fails.
    pub fn run_with(
        &mut self,
        helpers: &mut dyn TrialHelpers,
        observers: &mut [&mut dyn SweepObserver],
    ) -> Result<SweepEnd, TuneError> {
        let Self { folder, trials } = self;
        let tuning = trials.tuning.clone();
        let mut queue = TrialQueue { folder, tuning, helpers, given: HashSet::new(), end: None };
        let end = queue.run(trials, observers);
        queue.helpers.stop();
        while queue.helpers.busy() > 0 {
            match queue.helpers.news() {
                Some(HelperNews::Found(result)) => queue.note(result, observers),
                Some(_) => {}
                None => thread::sleep(PERIOD),
            }
        }
        end
    }
}

/// Time between two looks at what others have found.
const PERIOD: Duration = Duration::from_millis(5);

/// The trials of a sweep, and who trains them.
struct TrialQueue<'q> {
    folder: &'q mut SweepFolder,
    tuning: Tuning,
    helpers: &'q mut dyn TrialHelpers,
    /// To this process or to another, since the sweep was continued.
    given: HashSet<TrialTask>,
    /// Why no more is to be trained: the first reason.
    end: Option<Result<SweepEnd, TuneError>>,
}

impl TrialQueue<'_> {
    /// Trains all trials that others do not train.
    fn run(
        &mut self,
        trials: &mut TrialTrainer<'_>,
        observers: &mut [&mut dyn SweepObserver],
    ) -> Result<SweepEnd, TuneError> {
        loop {
            self.serve(observers);
            if let Some(end) = self.end.take() {
                return end;
            }
            let Some(task) = self.next() else {
                if self.helpers.busy() == 0 {
                    return Ok(SweepEnd::Completed);
                }
                // Nobody trains here meanwhile, but a stop still counts.
                let mut observers = observers.iter_mut();
                if observers.any(|observer| observer.command(false) == Some(Command::Stop)) {
                    return Ok(SweepEnd::Interrupted);
                }
                thread::sleep(PERIOD);
                continue;
            };
            self.given.insert(task);
            let trial = self.tuning.trial(task.trial);
            observers.iter_mut().for_each(|observer| observer.trial_started(&trial, task.rung));
            let mut serving = Serving { queue: self, observers };
            match trials.train(task, &mut [&mut serving]) {
                Ok(Some(result)) => self.note(result, observers),
                Ok(None) => return self.end.take().unwrap_or(Ok(SweepEnd::Interrupted)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next trial that nobody trains; none as long as those of a rung are being trained, and at the end.
    fn next(&self) -> Option<TrialTask> {
        let record = self.folder.record();
        for rung in 1..=record.started.rungs.len() {
            let trials = record.trials_of(rung);
            let task = |&trial: &usize| TrialTask { trial, rung };
            let is_left = |task: &TrialTask| !record.has(task.trial, task.rung);
            let mut left = trials.iter().map(task).filter(is_left).peekable();
            if left.peek().is_some() {
                return left.find(|task| !self.given.contains(task));
            }
        }
        None
    }

    /// Writes down what others have found, and gives trials to those that are free.
    fn serve(&mut self, observers: &mut [&mut dyn SweepObserver]) {
        while let Some(news) = self.helpers.news() {
            match news {
                HelperNews::Found(result) => self.note(result, observers),
                HelperNews::Interrupted => self.end_with(Ok(SweepEnd::Interrupted)),
                HelperNews::Failed(message) => self.end_with(Err(TuneError::Helper(message))),
            }
        }
        while self.end.is_none() && self.helpers.has_free() {
            let Some(task) = self.next() else { break };
            self.helpers.give(task);
            self.given.insert(task);
            let trial = self.tuning.trial(task.trial);
            observers.iter_mut().for_each(|observer| observer.trial_given(&trial, task.rung));
        }
    }

    fn note(&mut self, result: TrialResult, observers: &mut [&mut dyn SweepObserver]) {
        match self.folder.add(result.clone()) {
            Ok(()) => observers.iter_mut().for_each(|observer| observer.trial_finished(&result)),
            Err(error) => self.end_with(Err(error.into())),
        }
    }

    fn end_with(&mut self, end: Result<SweepEnd, TuneError>) {
        self.end.get_or_insert(end);
    }
}

/// Follows the trial of this process, and looks after the others between its steps.
struct Serving<'s, 'q, 'o> {
    queue: &'s mut TrialQueue<'q>,
    observers: &'s mut [&'o mut dyn SweepObserver],
}

impl Observer for Serving<'_, '_, '_> {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        self.observers.iter_mut().for_each(|observer| observer.event(event, trainer));
    }

    fn between_steps(&mut self, trainer: &Trainer) {
        self.queue.serve(self.observers);
        self.observers.iter_mut().for_each(|observer| observer.between_steps(trainer));
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        if self.queue.end.is_some() {
            return Some(Command::Stop);
        }
        self.observers.iter_mut().find_map(|observer| observer.command(is_paused))
    }
}

impl<'a> TrialTrainer<'a> {
    /// Trains trials of the sweep in the folder `path`, whose plan is `started`.
    pub fn new(
        tuning: Tuning,
        started: SweepStarted,
        path: impl Into<PathBuf>,
        inputs: SweepInputs<'a>,
    ) -> Self {
        Self { tuning, started, path: path.into(), inputs, data: LatestParts::default() }
    }

    /// What the data is from which the trials begin, of each part. Reads it.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn fingerprints(&mut self) -> Result<Vec<DataFingerprint>, TuneError> {
        let parts = self.data.open(&self.tuning.base().data, &self.inputs)?;
        let validation = parts.validation.iter().map(|dataset| (Part::Validation, dataset));
        let others = [(Part::Train, &parts.train), (Part::Test, &parts.test)];
        let all = others.into_iter().chain(validation);
        Ok(all.map(|(part, dataset)| DataFingerprint::of(part, dataset)).collect())
    }

    /// Trains a trial; none if it was interrupted.
    ///
    /// # Errors
    ///
    /// If it cannot be trained or recorded. A loss that is not finite makes it the worst.
    pub fn train(
        &mut self,
        task: TrialTask,
        observers: &mut [&mut dyn Observer],
    ) -> Result<Option<TrialResult>, TuneError> {
        let TrialTask { trial, rung } = task;
        let trial = &self.tuning.trial(trial);
        let share = self.started.rungs[rung - 1].share;
        let begin = Instant::now();
        let experiment = self.tuning.experiment(trial, share)?;
        let parts = self.data.open(&experiment.data, &self.inputs)?;
        let mut trainer = trainer(&self.tuning, &self.inputs, trial, experiment, parts)?;
        let run = self.started.run_name(trial.number, rung);
        let path = self.path.join(&run);
        let mut recorder = match continued(&path, &mut trainer)? {
            Some(recorder) => recorder,
            None => {
                if path.exists() {
                    let failed = |error| TuneError::Io { path: path.clone(), error };
                    fs::remove_dir_all(&path).map_err(failed)?;
                }
                Recorder::new(RunFolder::create(&path, &trainer.saved().experiment)?)
            }
        };
        let mut all: Vec<&mut dyn Observer> = vec![&mut recorder];
        all.extend(observers.iter_mut().map(|observer| &mut **observer as &mut dyn Observer));
        let finished = trainer.run(None, &mut all);
        recorder.finish()?;
        if finished.reason == Reason::Interrupted {
            return Ok(None);
        }
        let is_finite = !matches!(finished.reason, Reason::NotFinite(_));
        // Of the validation part, by which a run that has one chooses.
        let best = finished.summary.best.get(self.tuning.spec().metric());
        let best = best.filter(|best| is_finite && best.value.is_finite());
        Ok(Some(TrialResult {
            trial: trial.number,
            rung,
            run,
            values: trial.values.iter().cloned().collect(),
            metric: best.map(|best| best.value),
            best_step: best.map_or(0, |best| best.step),
            epochs: finished.summary.epochs,
            seconds: begin.elapsed().as_secs_f64(),
        }))
    }
}

/// The recorder of a run that was not finished, whose newest checkpoint `trainer` takes. None if there is none that can be
/// used: then the trial is trained from its beginning, to the same bytes.
///
/// # Errors
///
/// If another process is training the run, or if what is there of later steps cannot be removed.
fn continued(path: &Path, trainer: &mut Trainer) -> Result<Option<Recorder>, RunFolderError> {
    let stopped = match StoppedRun::open(path) {
        Err(in_use @ RunFolderError::InUse { .. }) => return Err(in_use),
        Err(_) => return Ok(None),
        Ok(stopped) => stopped,
    };
    let Ok(state) = stopped.state(None) else { return Ok(None) };
    match trainer.resume(state) {
        Ok(()) => Recorder::resume(stopped, trainer).map(Some),
        Err(_) => Ok(None),
    }
}

/// The plan of a sweep, if everything in it fits together.
fn plan(
    tuning: &Tuning,
    inputs: &SweepInputs<'_>,
    data: &mut LatestParts,
) -> Result<SweepStarted, TuneError> {
    let base = tuning.base();
    let parts = data.open(&base.data, inputs)?;
    if parts.validation.is_none() {
        let select = &tuning.spec().select;
        let message = format!(
            "tune.select: {select}: expected data with a validation part, such as data.validation = 0.1, found none"
        );
        return Err(tuning.mistake_at(Some("select"), message).into());
    }
    let metrics = metric_infos(&base.train.loss, parts.train.targets());
    let name = tuning.spec().metric();
    let Some(metric) = metrics.iter().find(|metric| metric.name == name) else {
        let known: Vec<_> =
            metrics.iter().map(|metric| format!("validation.{}", metric.name)).collect();
        let message =
            format!("tune.select: expected one of {}, found validation.{name}", known.join(", "));
        return Err(tuning.mistake_at(Some("select"), message).into());
    };
    for trial in tuning.ends() {
        let experiment = tuning.experiment(&trial, 1.0)?;
        let opened = data.open(&experiment.data, inputs);
        let parts = opened.map_err(|error| tuning.mistake_of(&trial, &chain(&error)))?;
        trainer(tuning, inputs, &trial, experiment, parts)?;
    }
    for number in 1..=tuning.spec().trials {
        tuning.experiment(&tuning.trial(number), 1.0)?;
    }
    Ok(SweepStarted::new(tuning, metric.higher_is_better))
}

/// The network of a trial, ready for its first step.
fn trainer(
    tuning: &Tuning,
    inputs: &SweepInputs<'_>,
    trial: &Trial,
    experiment: Experiment,
    parts: Parts,
) -> Result<Trainer, ExperimentError> {
    let pool = Arc::clone(&inputs.pool);
    let trainer = match inputs.memory_limit {
        Some(bytes) => Trainer::with_memory_limit(experiment, parts, pool, bytes),
        None => Trainer::new(experiment, parts, pool),
    };
    trainer.map_err(|error: TrainError| tuning.mistake_of(trial, &chain(&error)))
}
