//! A run from its first step to its end, and those who watch it.

use std::time::Instant;

use events::{
    Command, EvaluationFinished, Event, LearningRateSet, Paused, Reason, Resumed, RunFinished,
};

use super::{NotFinite, Trainer};

/// Who is told what happens, and may ask for something.
pub trait Observer {
    /// Something happened.
    fn event(&mut self, event: &Event, trainer: &Trainer);

    /// What to do next. Asked between two steps, again and again while the run is paused: then the observer
    /// may wait a little before it answers, as long as it listens to whoever can end the run.
    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        None
    }
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoopObserver;

impl Observer for NoopObserver {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}
}

/// Times that a run is looked into at most, but for pauses: as many as a chart has columns to show them.
const MOST_LOOKS: u64 = 250;

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
        // Looks fall on steps that are reported.
        let apart = n_steps.div_ceil(MOST_LOOKS).next_multiple_of(train.report_every);
        observer.event(&Event::RunStarted(self.started(n_steps)), self);
        let mut course = Course::new(self, observer);
        let mut reason = Reason::Completed;
        while self.step < n_steps {
            if course.obeys_stop(self, observer) {
                reason = Reason::Interrupted;
                break;
            }
            let is_seen =
                (self.step + 1).is_multiple_of(apart) || course.pauses_after(self.step + 1);
            if is_seen {
                self.note_before_step();
            }
            let step_begin = Instant::now();
            let step = self.step();
            self.train_secs += step_begin.elapsed().as_secs_f64();
            match step {
                Ok(step) => observer.event(&Event::StepFinished(step), self),
                Err(NotFinite { layer, tensor, step }) => {
                    reason = Reason::NotFinite { layer, tensor, step };
                    break;
                }
            }
            if self.step.is_multiple_of(apart) {
                course.look(self, observer);
            }
            if self.step.is_multiple_of(interval) || self.step == n_steps {
                course.evaluate(self, observer);
                if course.reached(target_accuracy) {
                    reason = Reason::TargetReached;
                    break;
                }
            }
        }
        // After a step that could not be done, the last batch is not one that was learned.
        if !matches!(reason, Reason::NotFinite { .. }) {
            course.look(self, observer);
        }
        course.evaluate(self, observer);
        if course.reached(target_accuracy) && reason == Reason::Completed {
            reason = Reason::TargetReached;
        }
        let summary = self.summary(&course.evaluation, begin.elapsed().as_secs_f64());
        let finished = RunFinished { reason, summary };
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

/// How far a run is, and what its observer knows.
struct Course {
    /// The step after which to wait.
    pause_at: Option<u64>,
    is_paused: bool,
    /// The step at which it was looked into last.
    looked_at: u64,
    evaluation: EvaluationFinished,
}

impl Course {
    fn new(trainer: &mut Trainer, observer: &mut dyn Observer) -> Self {
        let looked_at = trainer.step;
        observer.event(&Event::Measured(trainer.measure()), trainer);
        let evaluation = trainer.evaluate();
        observer.event(&Event::EvaluationFinished(evaluation.clone()), trainer);
        Self { pause_at: None, is_paused: false, looked_at, evaluation }
    }

    /// Looks into the network, unless that has been done since the last step.
    fn look(&mut self, trainer: &Trainer, observer: &mut dyn Observer) {
        if self.looked_at != trainer.step {
            self.looked_at = trainer.step;
            observer.event(&Event::Measured(trainer.measure()), trainer);
        }
    }

    /// Measures on the test set, unless that has been done since the last step.
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
        target_accuracy.is_some_and(|target| self.evaluation.accuracy >= Some(target))
    }

    /// Does what the observer asks for, and waits as long as the run is paused. Returns whether to stop.
    fn obeys_stop(&mut self, trainer: &mut Trainer, observer: &mut dyn Observer) -> bool {
        loop {
            let step = trainer.step;
            let is_paused = self.pauses_after(step);
            if is_paused && !self.is_paused {
                // Whoever pauses wants to see how things are now.
                self.look(trainer, observer);
                self.evaluate(trainer, observer);
                observer.event(&Event::Paused(Paused { step }), trainer);
            } else if self.is_paused && !is_paused {
                observer.event(&Event::Resumed(Resumed { step }), trainer);
            }
            self.is_paused = is_paused;
            match observer.command(is_paused) {
                None if is_paused => {}
                None => return false,
                Some(Command::Pause) => self.pause_at = Some(step),
                Some(Command::Resume) => self.pause_at = None,
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
