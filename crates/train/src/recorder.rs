//! Recording of a run: its events and its models, in a run folder.

use std::mem::take;
use std::path::Path;
use std::time::{Duration, Instant};

use events::{Command, EvaluationFinished, Event, RunFinished};
use runs::{RunFolder, RunFolderError};

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
/// The size of a run is bounded: of more than 100,000 planned steps an even choice is logged, and besides the models of
/// ten steps the latest one by the clock is kept.
#[derive(Debug)]
pub struct Recorder {
    folder: RunFolder,
    plan: RecordPlan,
    /// The last evaluations, one of each part, if they were not logged.
    skipped: Vec<EvaluationFinished>,
    /// From this step on, the next evaluation saves the model.
    next_save: u64,
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
            next_save: 0,
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

    /// Ends the record. Returns the errors of models of earlier steps, which the run does not depend on.
    ///
    /// # Errors
    ///
    /// The first error of the log or of the final model.
    pub fn finish(self) -> Result<Vec<RunFolderError>, RunFolderError> {
        self.error.map_or(Ok(self.warnings), Err)
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

    fn step(&mut self, step: u64, event: &Event, trainer: &Trainer) {
        if self.plan.logs_step(step) {
            self.log(event);
        }
        if step < self.plan.n_steps && self.saved_at.elapsed() >= self.save_every {
            let previous = self.latest.replace(step);
            // The one before goes only when this one is there.
            if self.save_step(step, trainer) {
                let removed = previous.map(|previous| self.folder.remove_step(previous));
                self.warnings.extend(removed.and_then(Result::err));
            }
        }
    }

    fn evaluation(&mut self, evaluation: &EvaluationFinished, event: &Event, trainer: &Trainer) {
        let step = evaluation.step;
        let is_logged = self.plan.logs_evaluation(step);
        self.skipped.retain(|skipped| skipped.step == step && !is_logged);
        match is_logged {
            true => self.log(event),
            false => self.skipped.push(evaluation.clone()),
        }
        if step >= self.next_save && step < self.plan.n_steps {
            self.next_save = step + self.plan.steps_per_save();
            self.latest = self.latest.filter(|latest| *latest != step);
            self.save_step(step, trainer);
        }
    }

    /// Saves the model beside those of other steps. Returns whether that succeeded.
    fn save_step(&mut self, step: u64, trainer: &Trainer) -> bool {
        self.saved_at = Instant::now();
        let error = self.folder.save(Some(step), trainer.saved()).err();
        let is_saved = error.is_none();
        self.warnings.extend(error);
        is_saved
    }

    fn end(&mut self, finished: &RunFinished, trainer: &Trainer) {
        for skipped in take(&mut self.skipped) {
            self.log(&Event::EvaluationFinished(skipped));
        }
        let error = self.folder.save(None, trainer.saved()).err();
        let model_saved = Some(error.is_none());
        self.error = self.error.take().or(error);
        self.log(&Event::RunFinished(RunFinished { model_saved, ..finished.clone() }));
    }
}

impl Observer for Recorder {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        match event {
            Event::StepFinished(step) => self.step(step.step, event, trainer),
            Event::EvaluationFinished(evaluation) => self.evaluation(evaluation, event, trainer),
            Event::RunFinished(finished) => self.end(finished, trainer),
            Event::RunStarted(started) => {
                let train = &trainer.saved().experiment.train;
                self.plan = RecordPlan {
                    n_steps: started.steps_planned.unwrap_or(u64::MAX),
                    report_every: train.report_every,
                    evaluation_interval: train.evaluation_interval(trainer.train_set().len()),
                };
                self.next_save = self.plan.steps_per_save();
                self.saved_at = Instant::now();
                self.error = self.folder.write_parts(trainer.part_rows()).err();
                self.log(event);
            }
            _ => self.log(event),
        }
    }

    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        self.failing_since.filter(|since| since.elapsed() >= PATIENCE).map(|_| Command::Stop)
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

    fn steps_per_save(&self) -> u64 {
        (self.n_steps / PARTS).max(1)
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
