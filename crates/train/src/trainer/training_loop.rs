//! The training loop: steps, evaluations and snapshots until the run ends, and the observers of it.

use std::time::Instant;

use events::{Command, Event, LearningRateSet, Paused, Reason, RunFinished, Unpaused};

use super::{EvaluatedParts, Trainer};

/// Receives the events of a run, and may give commands.
pub trait Observer {
    /// Receives an event.
    fn event(&mut self, event: &Event, trainer: &Trainer);

    /// Called between two steps, when all events so far were reported: the moment to keep [`Trainer::state`].
    fn between_steps(&mut self, _trainer: &Trainer) {}

    /// Called when the run was told to stop, before its last evaluation: whoever told it may not wait for that.
    fn interrupted(&mut self, _trainer: &Trainer) {}

    /// The next command. Called between two steps, again and again while the run is paused: then the observer
    /// may wait a little before it returns, but must still react to whatever can end the run.
    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        None
    }
}

/// Commands that are obeyed between two steps.
const MAX_COMMANDS: usize = 64;
/// Steps after which several processes collect their pieces of the state, if the experiment does not say when it is saved: a
/// checkpoint by the clock waits for that. Two vectors beside the parameters are then one exchange of fifty.
const GATHER_EVERY: u64 = 50;
/// Snapshots of a run at most, besides those of pauses: as many as a chart has columns to show them.
const MOST_SNAPSHOTS: u64 = 250;

impl Trainer {
    /// Trains to the end of the experiment, or until an evaluation on the part by which the run chooses reaches
    /// `target_accuracy`, or until evaluations do not improve any more as `train.early_stopping` says, or until an
    /// observer wants to stop, or until a number is not finite. An evaluation comes before the first step and follows the
    /// last.
    ///
    /// A trainer that [continues](Self::resume) does the steps that are left, without an evaluation before them.
    ///
    /// Every observer receives every event; the commands of earlier ones come first.
    pub fn run(
        &mut self,
        target_accuracy: Option<f64>,
        observers: &mut [&mut dyn Observer],
    ) -> RunFinished {
        self.running_since = Some(Instant::now());
        let n_steps = self.steps_planned();
        // A trainer that continues from the last step has no gradients to show.
        let is_over = self.is_resumed && self.step >= n_steps;
        let snapshot_at = is_over.then_some(self.step);
        let mut training = TrainingLoop {
            trainer: self,
            observers,
            target_accuracy,
            pause_at: None,
            is_paused: false,
            snapshot_at,
            evaluated: None,
            waiting: None,
        };
        training.tell(&Event::RunStarted(training.trainer.started()));
        if !std::mem::take(&mut training.trainer.is_resumed) {
            training.snapshot();
            training.evaluate();
        }
        let reason = training.steps(n_steps);
        if reason == Reason::Interrupted {
            let TrainingLoop { trainer, observers, .. } = &mut training;
            trainer.gather();
            observers.iter_mut().for_each(|observer| observer.interrupted(trainer));
        }
        // After a step that could not be done, the last batch belongs to no update.
        if !matches!(reason, Reason::NotFinite(_)) {
            training.snapshot();
        }
        let evaluated = training.evaluate().clone();
        training.trainer.wall_secs = training.trainer.wall_secs();
        training.trainer.running_since = None;
        let summary = training.trainer.summary(evaluated);
        let finished = RunFinished { reason, model_saved: None, summary };
        training.tell(&Event::RunFinished(finished.clone()));
        finished
    }

    /// Evaluates as [`evaluate`](Self::evaluate), and notes it for early stopping.
    ///
    /// An evaluation that the experiment does not ask for, as of a pause, chooses nothing: a run that is paused, or stopped
    /// and continued, chooses as one that is not. For early stopping that of the last step does not count either, so that
    /// the length of a run changes nothing.
    fn evaluate_and_choose(
        &mut self,
        is_given_up: &mut dyn FnMut() -> bool,
    ) -> Option<EvaluatedParts> {
        let train = &self.current.experiment.train;
        let is_regular =
            self.step.is_multiple_of(train.evaluation_interval(self.batches.dataset.len()));
        let is_planned = is_regular || self.step == self.steps_planned();
        let evaluated = self.evaluated(is_planned, is_given_up)?;
        let Self { current, stagnation, selection, step, .. } = self;
        let rule = current.experiment.train.early_stopping.as_ref();
        if let Some(rule) = rule.filter(|_| is_regular) {
            let value = evaluated.selecting().metrics.get(&selection.metric);
            stagnation.note(rule, &selection.metric, value.unwrap_or(f64::NAN), *step);
        }
        Some(evaluated)
    }

    fn is_stagnant(&self) -> bool {
        let rule = self.current.experiment.train.early_stopping.as_ref();
        rule.is_some_and(|rule| self.stagnation.is_over(rule))
    }

    /// Seconds of the run so far, evaluations included.
    pub(super) fn wall_secs(&self) -> f64 {
        let now = self.running_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.wall_secs + now
    }

    /// The number of steps, more than those done, after which the next epoch has ended.
    fn end_of_epoch(&self) -> u64 {
        let train = &self.current.experiment.train;
        let batch = train.batch as u64;
        let n_samples = train.epoch_samples(self.batches.dataset.len()) as u64;
        let epochs = self.step * batch / n_samples + 1;
        (epochs * n_samples).div_ceil(batch)
    }
}

struct TrainingLoop<'a, 'o> {
    trainer: &'a mut Trainer,
    observers: &'a mut [&'o mut dyn Observer],
    target_accuracy: Option<f64>,
    /// The step after which to wait.
    pause_at: Option<u64>,
    is_paused: bool,
    /// The step of the last snapshot.
    snapshot_at: Option<u64>,
    /// The last evaluations.
    evaluated: Option<EvaluatedParts>,
    /// A command that came during an evaluation.
    waiting: Option<Command>,
}

impl TrainingLoop<'_, '_> {
    fn tell(&mut self, event: &Event) {
        self.observers.iter_mut().for_each(|observer| observer.event(event, self.trainer));
    }

    /// Reports a snapshot, unless that has been done since the last step.
    fn snapshot(&mut self) {
        if self.snapshot_at.replace(self.trainer.step) != Some(self.trainer.step) {
            self.trainer.program.gather_gradients();
            self.tell(&Event::Snapshot(self.trainer.snapshot()));
        }
    }

    /// The evaluations after the last step, which are made and reported unless that has been done.
    fn evaluate(&mut self) -> &EvaluatedParts {
        if !self.is_evaluated() {
            let evaluated = self.trainer.evaluate_and_choose(&mut || false);
            self.note(evaluated.expect("nobody gives it up"));
        }
        self.evaluated.as_ref().expect("noted above")
    }

    /// As [`evaluate`](Self::evaluate), unless a command comes first: whoever gives one in a pause does not wait for an
    /// evaluation.
    fn evaluate_in_pause(&mut self) {
        if self.is_evaluated() {
            return;
        }
        let Self { trainer, observers, waiting, .. } = self;
        let evaluated = trainer.evaluate_and_choose(&mut || {
            *waiting = observers.iter_mut().find_map(|observer| observer.command(false));
            waiting.is_some()
        });
        if let Some(evaluated) = evaluated {
            self.note(evaluated);
        }
    }

    /// Whether the evaluations after the last step are made.
    fn is_evaluated(&self) -> bool {
        let step = self.trainer.step;
        self.evaluated.as_ref().is_some_and(|evaluated| evaluated.test.step == step)
    }

    fn note(&mut self, evaluated: EvaluatedParts) {
        for evaluation in evaluated.validation.iter().chain([&evaluated.test]) {
            self.tell(&Event::EvaluationFinished(evaluation.clone()));
        }
        self.evaluated = Some(evaluated);
    }

    /// Does the steps that are left, or ends before for another reason.
    fn steps(&mut self, n_steps: u64) -> Reason {
        let train = &self.trainer.current.experiment.train;
        let interval = train.evaluation_interval(self.trainer.batches.dataset.len());
        // Snapshots fall on steps that are reported.
        let apart = n_steps.div_ceil(MOST_SNAPSHOTS).next_multiple_of(train.report_every);
        let gather_every = train.checkpoint_every.unwrap_or(GATHER_EVERY);
        if self.trainer.is_stagnant() {
            // The run that continues had ended, and nobody has noticed.
            return Reason::StoppedEarly;
        }
        while self.trainer.step < n_steps {
            self.observers.iter_mut().for_each(|observer| observer.between_steps(self.trainer));
            if self.obeys_stop() {
                return Reason::Interrupted;
            }
            let next = self.trainer.step + 1;
            if next.is_multiple_of(apart) || self.pauses_after(next) {
                self.trainer.keep_previous_parameters();
            }
            let begin = Instant::now();
            let step = self.trainer.step();
            self.trainer.train_secs += begin.elapsed().as_secs_f64();
            match step {
                Ok(step) => self.tell(&Event::StepFinished(step)),
                Err(not_finite) => return Reason::NotFinite(not_finite),
            }
            if next.is_multiple_of(gather_every) {
                self.trainer.gather();
            }
            if next.is_multiple_of(apart) {
                self.snapshot();
            }
            if next.is_multiple_of(interval) || next == n_steps {
                let accuracy = self.evaluate().selecting().metrics.get("accuracy");
                if self.target_accuracy.is_some_and(|target| accuracy >= Some(target)) {
                    return Reason::TargetReached;
                }
                if next != n_steps && self.trainer.is_stagnant() {
                    return Reason::StoppedEarly;
                }
            }
        }
        Reason::Completed
    }

    fn pauses_after(&self, step: u64) -> bool {
        self.pause_at.is_some_and(|at| step >= at)
    }

    /// Obeys the observer's commands, and waits as long as the run is paused. Returns whether to stop.
    fn obeys_stop(&mut self) -> bool {
        let step = self.trainer.step;
        let mut n_obeyed = 0;
        loop {
            let is_paused = self.pauses_after(step);
            if is_paused && !self.is_paused {
                self.tell(&Event::Paused(Paused { step }));
                // A page shows a paused run as it is now.
                self.snapshot();
            } else if self.is_paused && !is_paused {
                self.tell(&Event::Unpaused(Unpaused { step }));
            }
            self.is_paused = is_paused;
            // Whoever sends commands without end must not hold up the training.
            if !is_paused && n_obeyed >= MAX_COMMANDS {
                return false;
            }
            if is_paused {
                self.evaluate_in_pause();
            }
            let mut observers = self.observers.iter_mut();
            let next = || observers.find_map(|observer| observer.command(is_paused));
            match self.waiting.take().or_else(next) {
                None if is_paused => {}
                None => return false,
                Some(Command::Stop) => return true,
                Some(Command::Pause) => self.pause_at = Some(step),
                Some(Command::Unpause) => self.pause_at = None,
                Some(Command::Step) => self.pause_at = Some(step + 1),
                Some(Command::Epoch) => self.pause_at = Some(self.trainer.end_of_epoch()),
                Some(Command::SetLearningRate { learning_rate }) => {
                    self.trainer.set_learning_rate(learning_rate);
                    self.tell(&Event::LearningRateSet(LearningRateSet { step, learning_rate }));
                }
                Some(_) => {}
            }
            n_obeyed += usize::from(!is_paused);
        }
    }
}
