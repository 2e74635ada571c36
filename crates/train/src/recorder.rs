//! Recording of a run: its events and its models, in a run folder.

use std::path::Path;
use std::time::{Duration, Instant};

use events::{Command, EvaluationFinished, Event, RunFinished, RunStarted, StepFinished};
use runs::{Experiment, RunFolder, RunFolderError};

use crate::{Observer, Trainer};

/// Parts of a run after each of which the model is saved.
const PARTS: u64 = 10;
/// The model is saved after this time as well: a long run may be killed at any moment.
const SAVE_EVERY: Duration = Duration::from_secs(300);
/// Step lines of a log at most, up to some: of longer runs an even choice is written.
const MOST_STEPS: u64 = 100_000;
/// Evaluations of a log at most, besides those of pauses and of the end: each may list a thousand samples.
const MOST_EVALUATIONS: u64 = 2000;
/// A run whose log cannot be written for so long is stopped: nobody would ever see it.
const PATIENCE: Duration = Duration::from_secs(60);

/// An observer that records a run in a [`RunFolder`]: the log, models of earlier steps, and the final model.
///
/// ```
/// # use std::sync::Arc;
/// # use data::{Dataset, Features, Targets};
/// # use gradus_train::{Recorder, Trainer};
/// # use runs::{Experiment, RunFolder, SavedModel, Split};
/// # let targets = Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 };
/// # let set = Dataset::new("xor", [2], Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]), targets)?;
/// # let split = Split { train: set.clone(), test: set };
/// # let experiment = Experiment::parse("xor.toml", r#"
/// #     data = { source = "memory" }
/// #     model = { input = [2], layers = [{ linear = { units = 2 } }] }
/// #     train = { batch = 4, steps = 20 }
/// # "#)?;
/// # let runs = tempfile::tempdir()?;
/// # let path = runs.path().join("first");
/// let mut trainer = Trainer::new(experiment, split, Arc::new(graph::Pool::new(1)))?;
/// let mut recorder = Recorder::create(&path, trainer.experiment())?;
/// trainer.run(None, &mut recorder);
/// recorder.finish()?;
/// let model = SavedModel::read(&path.join(RunFolder::LAST))?;
/// assert_eq!(model.parameters, trainer.parameters());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The size of a run is bounded: of more than 100,000 planned steps an even choice is logged, and besides the models of
/// ten steps the latest one by the clock is kept.
#[derive(Debug)]
pub struct Recorder {
    folder: RunFolder,
    steps: StepChoice,
    /// Steps from one evaluation to the next, and how many evaluations there are for each that is logged.
    evaluation_interval: u64,
    evaluations_per_line: u64,
    /// The last evaluation, if it was not logged.
    skipped: Option<EvaluationFinished>,
    /// Steps from one saved model to the next, the step of the next, and the last step, whose model is the final one.
    steps_per_save: u64,
    next_save: u64,
    last_step: u64,
    save_every: Duration,
    saved_at: Instant,
    /// The step of the model that was saved by the clock.
    latest: Option<u64>,
    failing_since: Option<Instant>,
    error: Option<RunFolderError>,
    warnings: Vec<RunFolderError>,
}

/// Trains to the end of the experiment and records the run in the folder `path`, which must not exist.
///
/// # Errors
///
/// If the folder cannot be made, or the log or the final model cannot be written.
pub fn record(
    trainer: &mut Trainer,
    path: impl AsRef<Path>,
) -> Result<RunFinished, RunFolderError> {
    let mut recorder = Recorder::create(path.as_ref(), trainer.experiment())?;
    let finished = trainer.run(None, &mut recorder);
    recorder.finish()?;
    Ok(finished)
}

impl Recorder {
    /// Records in the folder `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// As [`RunFolder::create`].
    pub fn create(path: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        Ok(Self::new(RunFolder::create(path, experiment)?))
    }

    /// Records in a folder in `runs` that is named after the experiment, with the next free number.
    ///
    /// # Errors
    ///
    /// As [`RunFolder::create`].
    pub fn create_next(runs: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        Ok(Self::new(RunFolder::create_next(runs, experiment)?))
    }

    fn new(folder: RunFolder) -> Self {
        Self {
            folder,
            steps: StepChoice { every: 1, reported: 1 },
            evaluation_interval: 1,
            evaluations_per_line: 1,
            skipped: None,
            steps_per_save: 1,
            next_save: 1,
            last_step: u64::MAX,
            save_every: SAVE_EVERY,
            saved_at: Instant::now(),
            latest: None,
            failing_since: None,
            error: None,
            warnings: Vec::new(),
        }
    }

    /// Saves the model at least so often [default: 5 minutes].
    #[must_use]
    pub fn with_save_interval(mut self, interval: Duration) -> Self {
        self.save_every = interval;
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the record. Returns the errors of models of earlier steps, which the run does not depend on.
    ///
    /// # Errors
    ///
    /// The first error of the log or of the final model.
    pub fn finish(self) -> Result<Vec<RunFolderError>, RunFolderError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.warnings),
        }
    }

    fn start(&mut self, started: &RunStarted, trainer: &Trainer) {
        let train = &trainer.experiment().train;
        let planned = started.steps_planned.unwrap_or(u64::MAX);
        self.steps = StepChoice::new(planned, train.report_every);
        self.evaluation_interval = train.evaluation_interval(trainer.train_set().len());
        let evaluations = planned / self.evaluation_interval;
        self.evaluations_per_line = evaluations.div_ceil(MOST_EVALUATIONS).max(1);
        self.steps_per_save = (planned / PARTS).max(1);
        self.next_save = self.steps_per_save;
        self.last_step = planned;
        self.saved_at = Instant::now();
    }

    fn log(&mut self, event: &Event) {
        match self.folder.record(event) {
            // Steps only reach a buffer.
            Ok(()) if matches!(event, Event::StepFinished(_)) => {}
            Ok(()) => self.failing_since = None,
            Err(error) => {
                self.failing_since.get_or_insert_with(Instant::now);
                self.error.get_or_insert(error);
            }
        }
    }

    fn step(&mut self, step: &StepFinished, event: &Event, trainer: &Trainer) {
        if self.steps.includes(step.step) {
            self.log(event);
        }
        if step.step < self.last_step && self.saved_at.elapsed() >= self.save_every {
            let previous = self.latest.replace(step.step);
            // The one before goes only when this one is there.
            if self.save_step(trainer)
                && let Some(previous) = previous
            {
                self.warnings.extend(self.folder.remove_step(previous).err());
            }
        }
    }

    fn evaluation(&mut self, evaluation: &EvaluationFinished, event: &Event, trainer: &Trainer) {
        let step = evaluation.step;
        let is_regular = step.is_multiple_of(self.evaluation_interval) && step != self.last_step;
        let number = step / self.evaluation_interval;
        if is_regular && !number.is_multiple_of(self.evaluations_per_line) {
            self.skipped = Some(evaluation.clone());
        } else {
            self.skipped = None;
            self.log(event);
        }
        if step >= self.next_save && step < self.last_step {
            self.next_save = step + self.steps_per_save;
            self.latest = self.latest.filter(|latest| *latest != step);
            self.save_step(trainer);
        }
    }

    /// Saves the model beside those of other steps. Returns whether that succeeded.
    fn save_step(&mut self, trainer: &Trainer) -> bool {
        self.saved_at = Instant::now();
        let saved = self.folder.save_step(trainer.steps_done(), trainer.saved());
        let is_saved = saved.is_ok();
        self.warnings.extend(saved.err());
        is_saved
    }

    fn end(&mut self, finished: &RunFinished, trainer: &Trainer) {
        if let Some(skipped) = self.skipped.take() {
            self.log(&Event::EvaluationFinished(skipped));
        }
        let saved = self.folder.save(trainer.saved());
        let finished = RunFinished { model_saved: Some(saved.is_ok()), ..finished.clone() };
        if let Err(error) = saved {
            self.error.get_or_insert(error);
        }
        self.log(&Event::RunFinished(finished));
    }
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        match event {
            Event::StepFinished(step) => self.step(step, event, trainer),
            Event::EvaluationFinished(evaluation) => self.evaluation(evaluation, event, trainer),
            Event::RunFinished(finished) => self.end(finished, trainer),
            Event::RunStarted(started) => {
                self.start(started, trainer);
                self.log(event);
            }
            _ => self.log(event),
        }
    }

    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        self.failing_since.filter(|since| since.elapsed() >= PATIENCE).map(|_| Command::Stop)
    }
}

/// Which steps are logged: an even choice, and the reported ones as far as the limit allows.
#[derive(Clone, Copy, Debug)]
struct StepChoice {
    every: u64,
    reported: u64,
}

impl StepChoice {
    fn new(planned: u64, report_every: u64) -> Self {
        if planned <= MOST_STEPS {
            return Self { every: 1, reported: 1 };
        }
        // Half of the lines for the even choice, half for reported steps between them.
        let every = planned.div_ceil(MOST_STEPS / 2);
        match every <= report_every {
            true => Self { every, reported: report_every },
            false => {
                let every = every.checked_next_multiple_of(report_every).unwrap_or(every);
                Self { every, reported: every }
            }
        }
    }

    fn includes(self, step: u64) -> bool {
        step.is_multiple_of(self.every) || step.is_multiple_of(self.reported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_steps_an_even_choice_with_the_reported_ones_is_logged() {
        assert!((1..=100_000).all(|step| StepChoice::new(100_000, 10).includes(step)));
        for report_every in [1, 7, 10, 21, 1000, 10_000_000] {
            let choice = StepChoice::new(1_000_000, report_every);
            let logged: Vec<u64> = (1..=1_000_000).filter(|step| choice.includes(*step)).collect();
            assert!((30_000..=100_000).contains(&logged.len()), "{report_every}: {}", logged.len());
            assert!(logged.windows(2).all(|pair| pair[1] - pair[0] <= 30), "{report_every}");
            // The steps with more metrics are among them.
            let reported = logged.iter().filter(|step| step.is_multiple_of(report_every)).count();
            let wanted = (1_000_000 / report_every).min(30_000) as usize;
            assert!(reported >= wanted, "{report_every}: {reported}");
        }
    }
}
