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

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use diagnostics::chain;
use events::Reason;
use graph::Pool;
use runs::metrics::metric_infos;
use runs::tune::{
    SweepFolder, SweepFolderError, SweepRecord, SweepStarted, Trial, TrialResult, Tuning,
};
use runs::{DataSpec, Experiment, ExperimentError, Parts, RunFolder, RunFolderError, StoppedRun};

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
    tuning: Tuning,
    folder: SweepFolder,
    inputs: SweepInputs<'a>,
    data: LatestParts,
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
}

impl<'a> Sweep<'a> {
    /// Makes a sweep ready, in the folder `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// Before anything is trained or written: if there is no validation part or no such metric, or if an end of a range
    /// does not fit the network, the data or the memory.
    pub fn create(tuning: Tuning, inputs: SweepInputs<'a>, path: &Path) -> Result<Self, TuneError> {
        let mut data = LatestParts::default();
        let started = plan(&tuning, &inputs, &mut data)?;
        let folder = SweepFolder::create(path, &tuning, started)?;
        Ok(Self { tuning, folder, inputs, data })
    }

    /// As [`create`](Self::create), errors included, in `runs`: named after the experiment, with the next free number
    /// (`runs/softmax-tune-3`).
    pub fn create_next(
        tuning: Tuning,
        inputs: SweepInputs<'a>,
        runs: &Path,
    ) -> Result<Self, TuneError> {
        let mut data = LatestParts::default();
        let started = plan(&tuning, &inputs, &mut data)?;
        let folder = SweepFolder::create_next(runs, &tuning, &started)?;
        Ok(Self { tuning, folder, inputs, data })
    }

    /// The sweep in the folder `path`, which was stopped or killed.
    ///
    /// # Errors
    ///
    /// As [`SweepFolder::open`].
    pub fn resume(path: &Path, inputs: SweepInputs<'a>) -> Result<Self, TuneError> {
        let (folder, tuning) = SweepFolder::open(path)?;
        Ok(Self { tuning, folder, inputs, data: LatestParts::default() })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What was planned, and the trials that were trained.
    pub fn record(&self) -> &SweepRecord {
        self.folder.record()
    }

    /// The experiment with its ranges.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
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
        let rungs = self.record().started.rungs.clone();
        for (number, rung) in (1..).zip(rungs) {
            for trial in self.record().trials_of(number) {
                if self.record().has(trial, number) {
                    continue;
                }
                let trial = self.tuning.trial(trial);
                observers.iter_mut().for_each(|observer| observer.trial_started(&trial, number));
                let Some(result) = self.train(&trial, number, rung.share, observers)? else {
                    return Ok(SweepEnd::Interrupted);
                };
                self.folder.add(result.clone())?;
                observers.iter_mut().for_each(|observer| observer.trial_finished(&result));
            }
        }
        Ok(SweepEnd::Completed)
    }

    /// Trains a trial; none if it was interrupted.
    fn train(
        &mut self,
        trial: &Trial,
        rung: usize,
        share: f64,
        observers: &mut [&mut dyn SweepObserver],
    ) -> Result<Option<TrialResult>, TuneError> {
        let begin = Instant::now();
        let experiment = self.tuning.experiment(trial, share)?;
        let parts = self.data.open(&experiment.data, &self.inputs)?;
        let mut trainer = trainer(&self.tuning, &self.inputs, trial, experiment, parts)?;
        let run = self.record().started.run_name(trial.number, rung);
        let path = self.path().join(&run);
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
