//! Recording of a run: its events and its checkpoints, in a run folder.

use std::fmt::{self, Debug, Formatter};
use std::mem::take;
use std::path::Path;
use std::time::{Duration, Instant};

use events::{EvaluationFinished, Event, RunFinished};
use runs::{Checkpoint, RunFolder, RunFolderError, StoppedRun, TrainerState};

use crate::{Observer, Trainer};

/// Stretches of a run after each of which the next evaluation saves a checkpoint.
const STRETCHES: u64 = 10;
/// Step lines of a log at most, up to some: of longer runs an even choice is written.
const MOST_STEPS: u64 = 100_000;
/// Evaluations of a log at most, besides those of pauses and of the end: each may list a thousand samples.
const MOST_EVALUATIONS: u64 = 2000;
/// How long after a failure something is written again.
const RETRY: Duration = Duration::from_secs(30);

/// An observer that records a run in a [`RunFolder`]: the log, checkpoints, and the final model, which is one as well.
///
/// A checkpoint is saved at the start, then every `train.checkpoint_minutes` or `train.checkpoint_every` steps, and after
/// the evaluations at each tenth of the run. Kept are the newest `train.checkpoints`, the best, and an even choice of ten.
/// [`resume`](Self::resume) continues from one.
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
/// #     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
/// #     train = { batch = 4, steps = 20 }
/// # "#)?;
/// # let runs = tempfile::tempdir()?;
/// # let path = runs.path().join("first");
/// let mut trainer = Trainer::new(experiment, split, Arc::new(graph::Pool::new(1)))?;
/// let mut recorder = Recorder::new(RunFolder::create(&path, &trainer.saved().experiment)?);
/// trainer.run(None, &mut [&mut recorder]);
/// recorder.finish()?;
/// let model = SavedModel::read(path.join(RunFolder::LAST))?;
/// assert_eq!(model.parameters, trainer.saved().parameters);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The size of a run is bounded: of more than 100,000 planned steps an even choice is logged.
#[derive(Debug)]
pub struct Recorder {
    folder: RunFolder,
    plan: RecordPlan,
    /// The last evaluations, one of each part, if they were not logged.
    skipped: Vec<EvaluationFinished>,
    /// Whether the last step ended a stretch with an evaluation.
    ends_stretch: bool,
    /// The step of the last checkpoint, and when it was saved.
    saved: Option<(u64, Instant)>,
    /// The state at the best evaluation, if it is not saved yet: best ones may follow each other faster than a disk writes.
    best: Option<TrainerState>,
    /// When the last checkpoint, or the best one, could not be written.
    failed: Option<Instant>,
    /// Whether it is not written yet which rows are in which part.
    lacks_parts: bool,
    /// Why the log is behind.
    log_error: Option<RunFolderError>,
    /// Why the final model is not saved.
    error: Option<RunFolderError>,
    warnings: Vec<RunFolderError>,
    teller: WarningTeller,
    log_observer: LogObserver,
}

/// Who receives what is logged.
#[derive(Default)]
struct LogObserver(Option<Box<dyn Observer + Send>>);

impl Debug for LogObserver {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogObserver").finish_non_exhaustive()
    }
}

/// Who is told of a failure when it happens.
#[derive(Default)]
struct WarningTeller(Option<Box<TellWarning>>);

/// Takes what failed, and whether it is retried.
type TellWarning = dyn FnMut(&RunFolderError, bool) + Send;

impl Debug for WarningTeller {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WarningTeller").finish_non_exhaustive()
    }
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
    let mut recorder =
        Recorder::new(RunFolder::create(path.as_ref(), &trainer.saved().experiment)?);
    let finished = trainer.run(None, &mut [&mut recorder]);
    recorder.finish()?;
    Ok(finished)
}

impl Recorder {
    /// Records in `folder`.
    pub fn new(folder: RunFolder) -> Self {
        Self {
            folder,
            plan: RecordPlan::default(),
            skipped: Vec::new(),
            ends_stretch: false,
            saved: None,
            best: None,
            failed: None,
            lacks_parts: true,
            log_error: None,
            error: None,
            warnings: Vec::new(),
            teller: WarningTeller::default(),
            log_observer: LogObserver::default(),
        }
    }

    /// Also tells of each failure when it happens, and whether it is tried again: at the end of the run it is not.
    pub fn telling(self, tell: impl FnMut(&RunFolderError, bool) + Send + 'static) -> Self {
        Self { teller: WarningTeller(Some(Box::new(tell))), ..self }
    }

    /// Also passes each event that is logged to an observer: of a long run these are fewer than there are. Its commands are not
    /// asked for.
    pub fn with_log_observer(self, observer: impl Observer + Send + 'static) -> Self {
        Self { log_observer: LogObserver(Some(Box::new(observer))), ..self }
    }

    /// Continues the record of a run, from the state that `trainer` has [taken](Trainer::resume). What is there of
    /// later steps is removed.
    ///
    /// ```
    /// # use data::{Dataset, Features, Targets};
    /// # use gradus_train::{Recorder, Trainer, record};
    /// # use runs::{Experiment, Split, StoppedRun};
    /// # let targets = Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 };
    /// # let set = Dataset::new("xor", [2], Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]), targets)?;
    /// # let split = Split { train: set.clone(), test: set };
    /// # let experiment = Experiment::parse("xor.toml", r#"
    /// #     data = { source = "memory" }
    /// #     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
    /// #     train = { batch = 4, steps = 20, checkpoint_every = 5 }
    /// # "#)?;
    /// # let runs = tempfile::tempdir()?;
    /// # let path = runs.path().join("first");
    /// # let whole = record(&mut Trainer::new(experiment, split.clone(), graph::Pool::new(2))?, &path)?;
    /// # std::fs::remove_file(path.join("checkpoints/last.safetensors"))?;
    /// let stopped = StoppedRun::open(&path)?;
    /// let state = stopped.state(None)?;
    /// assert_eq!(state.progress.step, 18);
    /// let mut trainer = Trainer::new(state.experiment(), split, graph::Pool::new(1))?;
    /// trainer.resume(state)?;
    /// let mut recorder = Recorder::resume(stopped, &trainer)?;
    /// let finished = trainer.run(None, &mut [&mut recorder]);
    /// recorder.finish()?;
    /// # assert_eq!(finished.summary.weights_digest, whole.summary.weights_digest);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If something cannot be removed or opened. Then the run can still be resumed.
    pub fn resume(stopped: StoppedRun, trainer: &Trainer) -> Result<Self, RunFolderError> {
        let step = trainer.steps_done();
        let folder = stopped.continue_after(step, &trainer.current().experiment)?;
        Ok(Self { saved: Some((step, Instant::now())), ..Self::new(folder) })
    }

    /// The folder of the run.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Ends the record. Returns the failures that the run does not depend on, such as those of checkpoints before the end.
    ///
    /// # Errors
    ///
    /// Why the final model is not saved, or else why not all of the log is written.
    pub fn finish(self) -> Result<Vec<RunFolderError>, RunFolderError> {
        self.error.or(self.log_error).map_or(Ok(self.warnings), Err)
    }

    fn warn(&mut self, error: RunFolderError, is_retried: bool) {
        self.tell(&error, is_retried);
        self.warnings.push(error);
    }

    fn tell(&mut self, error: &RunFolderError, is_retried: bool) {
        if let Some(tell) = &mut self.teller.0 {
            tell(error, is_retried);
        }
    }

    fn log(&mut self, event: &Event, trainer: &Trainer) {
        if let Some(observer) = &mut self.log_observer.0 {
            observer.event(event, trainer);
        }
        match self.folder.record(event) {
            Ok(()) => {
                // Single steps may only reach a buffer.
                if self.folder.is_log_written() {
                    self.warnings.extend(self.log_error.take());
                }
            }
            Err(error) if self.log_error.is_none() => {
                self.tell(&error, !matches!(event, Event::RunFinished(_)));
                self.log_error = Some(error);
            }
            Err(_) => {}
        }
    }

    fn evaluation(&mut self, evaluation: &EvaluationFinished, event: &Event, trainer: &Trainer) {
        let step = evaluation.step;
        let is_logged = self.plan.logs_evaluation(step);
        self.skipped.retain(|skipped| skipped.step == step && !is_logged);
        match is_logged {
            true => self.log(event, trainer),
            false => self.skipped.push(evaluation.clone()),
        }
        self.ends_stretch |= self.plan.ends_stretch(step);
        if trainer.is_best(evaluation) {
            self.best = Some(trainer.state());
        }
    }

    /// Whether to save a checkpoint after `step`.
    fn is_due(&self, step: u64, trainer: &Trainer) -> bool {
        if !trainer.has_state() {
            return false;
        }
        if self.failed.is_some_and(|failed| failed.elapsed() >= RETRY) {
            return true;
        }
        let Some((saved, at)) = self.saved else { return true };
        let train = &trainer.current().experiment.train;
        let is_time = || match train.checkpoint_every {
            Some(every) => step.is_multiple_of(every),
            None => at.elapsed() >= minutes(train.checkpoint_minutes),
        };
        saved != step && (self.ends_stretch || is_time())
    }

    fn save_best(&mut self) -> Result<(), RunFolderError> {
        if let Some(best) = &self.best {
            self.folder.save(Checkpoint::Best, best)?;
            self.best = None;
        }
        Ok(())
    }

    fn save_parts(&mut self, trainer: &Trainer) -> Result<(), RunFolderError> {
        if self.lacks_parts {
            self.folder.write_parts(trainer.part_rows())?;
            self.lacks_parts = false;
        }
        Ok(())
    }

    fn save(&mut self, step: u64, trainer: &Trainer, is_retried: bool) {
        (self.saved, self.ends_stretch) = (Some((step, Instant::now())), false);
        let parts = self.save_parts(trainer);
        // The best goes first: where a run continues, it has it.
        let best = self.save_best();
        let saved = self.folder.save(Checkpoint::Step(step), &trainer.state());
        let kept = trainer.current().experiment.train.checkpoints;
        // Others go only when this one is there.
        let thinned = if saved.is_ok() { self.folder.thin(kept) } else { Ok(()) };
        let failed = [parts, best, saved].into_iter().filter_map(Result::err);
        let failed: Vec<RunFolderError> = failed.collect();
        self.failed = (!failed.is_empty()).then(Instant::now);
        failed.into_iter().chain(thinned.err()).for_each(|error| self.warn(error, is_retried));
    }

    fn end(&mut self, finished: &RunFinished, trainer: &Trainer) {
        for skipped in take(&mut self.skipped) {
            self.log(&Event::EvaluationFinished(skipped), trainer);
        }
        // The result first: there may be place for no more.
        self.error = self.folder.save(Checkpoint::Last, &trainer.state()).err();
        let whole = self.folder.make_again(&trainer.current().experiment);
        self.lacks_parts |= matches!(whole, Ok(false));
        let others = [whole.map(drop), self.save_best(), self.save_parts(trainer)];
        others.into_iter().filter_map(Result::err).for_each(|error| self.warn(error, false));
        let model_saved = Some(self.error.is_none());
        self.log(&Event::RunFinished(RunFinished { model_saved, ..finished.clone() }), trainer);
    }
}

fn minutes(minutes: f64) -> Duration {
    Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX)
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        match event {
            Event::StepFinished(step) if !self.plan.logs_step(step.step) => {}
            Event::ProcessesMeasured(measured) if !self.plan.logs_evaluation(measured.step) => {}
            Event::EvaluationFinished(evaluation) => self.evaluation(evaluation, event, trainer),
            Event::RunFinished(finished) => self.end(finished, trainer),
            Event::RunStarted(started) => {
                let train = &trainer.current().experiment.train;
                self.plan = RecordPlan {
                    n_steps: started.steps_planned.unwrap_or(u64::MAX),
                    report_every: train.report_every,
                    evaluation_interval: train.evaluation_interval(trainer.train_set().len()),
                };
                self.log(event, trainer);
            }
            _ => self.log(event, trainer),
        }
    }

    fn interrupted(&mut self, trainer: &Trainer) {
        let step = trainer.steps_done();
        if self.saved.is_none_or(|(saved, _)| saved != step) {
            // The final model is tried in any case.
            self.save(step, trainer, false);
        }
    }

    fn between_steps(&mut self, trainer: &Trainer) {
        let step = trainer.steps_done();
        if self.is_due(step, trainer) {
            self.save(step, trainer, true);
        }
    }
}

/// The length of a run, and what is logged and saved of it.
#[derive(Debug, Default)]
struct RecordPlan {
    n_steps: u64,
    report_every: u64,
    evaluation_interval: u64,
}

impl RecordPlan {
    /// Of a long run an even choice of steps, and the reported ones as far as the limit allows.
    fn logs_step(&self, step: u64) -> bool {
        if self.n_steps <= MOST_STEPS {
            return true;
        }
        // Half of the lines for the even choice, half for reported steps between them.
        let every = self.n_steps.div_ceil(MOST_STEPS / 2);
        if every <= self.report_every {
            return step.is_multiple_of(every) || step.is_multiple_of(self.report_every);
        }
        step.is_multiple_of(every.checked_next_multiple_of(self.report_every).unwrap_or(every))
    }

    /// Those of pauses and the last one, and an even choice of the others.
    fn logs_evaluation(&self, step: u64) -> bool {
        let is_regular = step.is_multiple_of(self.evaluation_interval) && step != self.n_steps;
        let number = step / self.evaluation_interval;
        let n_evaluations = self.n_steps / self.evaluation_interval;
        !is_regular || number.is_multiple_of(n_evaluations.div_ceil(MOST_EVALUATIONS).max(1))
    }

    /// Whether the evaluation after `step` is the first in another tenth of the run.
    fn ends_stretch(&self, step: u64) -> bool {
        let stretch = (self.n_steps / STRETCHES).max(1);
        let before = step.saturating_sub(self.evaluation_interval);
        step.is_multiple_of(self.evaluation_interval) && step / stretch > before / stretch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_steps_an_even_choice_with_the_reported_ones_is_logged() {
        let plan =
            |n_steps, report_every| RecordPlan { n_steps, report_every, evaluation_interval: 1 };
        assert!((1..=100_000).all(|step| plan(100_000, 10).logs_step(step)));
        for report_every in [1, 7, 10, 21, 1000, 10_000_000] {
            let plan = plan(1_000_000, report_every);
            let logged: Vec<u64> = (1..=1_000_000).filter(|step| plan.logs_step(*step)).collect();
            assert!((30_000..=100_000).contains(&logged.len()), "{report_every}: {}", logged.len());
            assert!(logged.windows(2).all(|pair| pair[1] - pair[0] <= 30), "{report_every}");
            // The steps with more metrics are among them.
            let reported = logged.iter().filter(|step| step.is_multiple_of(report_every)).count();
            let wanted = (1_000_000 / report_every).min(30_000) as usize;
            assert!(reported >= wanted, "{report_every}: {reported}");
        }
    }
}
