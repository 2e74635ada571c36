//! The training loop: steps, evaluations and snapshots until the run ends, and the observers of it.

use std::time::Instant;

use events::{
    Command, EvaluationFinished, Event, LearningRateSet, Paused, Reason, RunFinished, Unpaused,
};

use super::Trainer;

/// Receives the events of a run, and may give commands.
///
/// A tuple of two observers is an observer: both receive every event, the first one's commands come first.
pub trait Observer {
    /// Receives an event.
    fn event(&mut self, event: &Event, trainer: &Trainer);

    /// The next command. Called between two steps, again and again while the run is paused: then the observer
    /// may wait a little before it returns, but must still react to whatever can end the run.
    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        None
    }
}

impl<O: Observer + ?Sized> Observer for &mut O {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        (**self).event(event, trainer);
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        (**self).command(is_paused)
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        self.0.event(event, trainer);
        self.1.event(event, trainer);
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        self.0.command(is_paused).or_else(|| self.1.command(is_paused))
    }
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoopObserver;

impl Observer for NoopObserver {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}
}

/// Snapshots of a run at most, besides those of pauses: as many as a chart has columns to show them.
const MOST_SNAPSHOTS: u64 = 250;

impl Trainer {
    /// Trains to the end of the experiment, or until an evaluation reaches `target_accuracy`, or until the
    /// observer wants to stop, or until a number is not finite. An evaluation comes before the first step and
    /// follows the last.
    pub fn run(
        &mut self,
        target_accuracy: Option<f64>,
        observer: &mut dyn Observer,
    ) -> RunFinished {
        let begin = Instant::now();
        let n_samples = self.batches.dataset.len();
        let train = &self.experiment.train;
        let n_steps = train.steps_for(n_samples);
        let interval = train.evaluation_interval(n_samples);
        // Snapshots fall on steps that are reported.
        let apart = n_steps.div_ceil(MOST_SNAPSHOTS).next_multiple_of(train.report_every);
        observer.event(&Event::RunStarted(self.started(n_steps)), self);
        let mut training = TrainingLoop::new(self, observer);
        let mut reason = Reason::Completed;
        while self.step < n_steps {
            if training.obeys_stop(self, observer) {
                reason = Reason::Interrupted;
                break;
            }
            let next = self.step + 1;
            if next.is_multiple_of(apart) || training.pauses_after(next) {
                self.keep_previous_parameters();
            }
            let step_begin = Instant::now();
            let step = self.step();
            self.train_secs += step_begin.elapsed().as_secs_f64();
            match step {
                Ok(step) => observer.event(&Event::StepFinished(step), self),
                Err(not_finite) => {
                    reason = Reason::NotFinite(not_finite);
                    break;
                }
            }
            if self.step.is_multiple_of(apart) {
                training.snapshot(self, observer);
            }
            if self.step.is_multiple_of(interval) || self.step == n_steps {
                training.evaluate(self, observer);
                if training.reached(target_accuracy) {
                    reason = Reason::TargetReached;
                    break;
                }
            }
        }
        // After a step that could not be done, the last batch belongs to no update.
        if !matches!(reason, Reason::NotFinite(_)) {
            training.snapshot(self, observer);
        }
        training.evaluate(self, observer);
        if training.reached(target_accuracy) && reason == Reason::Completed {
            reason = Reason::TargetReached;
        }
        let summary = self.summary(&training.evaluation, begin.elapsed().as_secs_f64());
        let finished = RunFinished { reason, model_saved: None, summary };
        observer.event(&Event::RunFinished(finished.clone()), self);
        finished
    }

    /// The number of steps, more than those done, after which the next epoch has ended.
    fn end_of_epoch(&self) -> u64 {
        let batch = self.experiment.train.batch as u64;
        let n_samples = self.batches.dataset.len() as u64;
        let epochs = self.step * batch / n_samples + 1;
        (epochs * n_samples).div_ceil(batch)
    }
}

/// The state of the loop beside that of the trainer.
struct TrainingLoop {
    /// The step after which to wait.
    pause_at: Option<u64>,
    is_paused: bool,
    /// The step of the last snapshot.
    snapshot_at: u64,
    evaluation: EvaluationFinished,
}

impl TrainingLoop {
    fn new(trainer: &mut Trainer, observer: &mut dyn Observer) -> Self {
        let snapshot_at = trainer.step;
        observer.event(&Event::Snapshot(trainer.snapshot()), trainer);
        let evaluation = trainer.evaluate();
        observer.event(&Event::EvaluationFinished(evaluation.clone()), trainer);
        Self { pause_at: None, is_paused: false, snapshot_at, evaluation }
    }

    /// Reports a snapshot, unless that has been done since the last step.
    fn snapshot(&mut self, trainer: &Trainer, observer: &mut dyn Observer) {
        if self.snapshot_at != trainer.step {
            self.snapshot_at = trainer.step;
            observer.event(&Event::Snapshot(trainer.snapshot()), trainer);
        }
    }

    /// Evaluates on the test set, unless that has been done since the last step.
    fn evaluate(&mut self, trainer: &mut Trainer, observer: &mut dyn Observer) {
        if self.evaluation.step != trainer.step {
            self.evaluation = trainer.evaluate();
            observer.event(&Event::EvaluationFinished(self.evaluation.clone()), trainer);
        }
    }

    fn pauses_after(&self, step: u64) -> bool {
        self.pause_at.is_some_and(|at| step >= at)
    }

    fn reached(&self, target_accuracy: Option<f64>) -> bool {
        target_accuracy
            .is_some_and(|target| self.evaluation.metrics.get("accuracy") >= Some(target))
    }

    /// Obeys the observer's commands, and waits as long as the run is paused. Returns whether to stop.
    fn obeys_stop(&mut self, trainer: &mut Trainer, observer: &mut dyn Observer) -> bool {
        loop {
            let step = trainer.step;
            let is_paused = self.pauses_after(step);
            if is_paused && !self.is_paused {
                // A page shows a paused run as it is now.
                self.snapshot(trainer, observer);
                self.evaluate(trainer, observer);
                observer.event(&Event::Paused(Paused { step }), trainer);
            } else if self.is_paused && !is_paused {
                observer.event(&Event::Unpaused(Unpaused { step }), trainer);
            }
            self.is_paused = is_paused;
            match observer.command(is_paused) {
                None if is_paused => {}
                None => return false,
                Some(Command::Pause) => self.pause_at = Some(step),
                Some(Command::Unpause) => self.pause_at = None,
                Some(Command::Step) => self.pause_at = Some(step + 1),
                Some(Command::Epoch) => self.pause_at = Some(trainer.end_of_epoch()),
                Some(Command::Stop) => return true,
                Some(Command::SetLearningRate { learning_rate }) => {
                    trainer.set_learning_rate(learning_rate);
                    let set = LearningRateSet { step, learning_rate };
                    observer.event(&Event::LearningRateSet(set), trainer);
                }
                Some(_) => {}
            }
        }
    }
}
