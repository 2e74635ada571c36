//! What a run shows while it goes on: a bar on a terminal, one line for each epoch elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gradus::events::{Event, RunStarted, StepFinished};
use gradus::train::{Observer, RunFolder, RunFolderError, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::table::thousands;

/// Shows progress on standard error and writes the run folder.
#[derive(Debug)]
pub(crate) struct Progress {
    folder: RunFolder,
    stop: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    loss: f64,
    test: Option<(f64, Option<f64>)>,
    epochs_told: u64,
    failure: Option<RunFolderError>,
}

impl Progress {
    /// Progress of a run that is recorded in `folder` and stops when `stop` is set.
    pub(crate) fn new(folder: RunFolder, stop: Arc<AtomicBool>) -> Self {
        Self { folder, stop, bar: None, loss: f64::NAN, test: None, epochs_told: 0, failure: None }
    }

    /// The folder, or why it could not be written.
    pub(crate) fn finish(self) -> Result<RunFolder, RunFolderError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.folder),
        }
    }

    fn start(&mut self, started: &RunStarted) {
        let RunStarted { preset, parameters, train_samples, test_samples, threads, isa, .. } =
            started;
        let (parameters, train, test) = (
            thousands(*parameters as u64),
            thousands(*train_samples as u64),
            thousands(*test_samples as u64),
        );
        self.tell(&format!(
            "{preset}: {parameters} parameters, {train} training and {test} test samples, {threads} threads, {isa}"
        ));
        if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(
                started.steps_planned,
                ProgressDrawTarget::stderr_with_hz(5),
            );
            let style = "{bar:32} step {pos}/{len}  {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("a template that is right"));
            self.bar = Some(bar);
        }
    }

    fn step(&mut self, step: &StepFinished) {
        // A running mean over the last twenty steps or so: single batches are noisy.
        const KEPT: f64 = 0.95;
        self.loss = if self.loss.is_nan() {
            step.loss_nats
        } else {
            KEPT * self.loss + (1.0 - KEPT) * step.loss_nats
        };
        if let Some(bar) = &self.bar {
            if step.step.is_multiple_of(10) {
                bar.set_message(self.state(step.epoch));
                bar.set_position(step.step);
            }
        } else if step.epoch.floor() as u64 > self.epochs_told {
            self.epochs_told = step.epoch.floor() as u64;
            self.tell(&format!("step {}  {}", step.step, self.state(step.epoch)));
        }
    }

    fn state(&self, epoch: f64) -> String {
        let test = self.test.map_or(String::new(), |(loss, accuracy)| {
            let accuracy =
                accuracy.map_or(String::new(), |accuracy| format!(" accuracy {accuracy:.4}"));
            format!("  test loss {loss:.4}{accuracy}")
        });
        format!("epoch {epoch:.2}  loss {:.4}{test}", self.loss)
    }

    fn tell(&self, line: &str) {
        // Nobody is hurt if standard error is gone.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event, _trainer: &Trainer) {
        if let Err(failure) = self.folder.record(event) {
            self.failure.get_or_insert(failure);
        }
        match event {
            Event::RunStarted(started) => self.start(started),
            Event::StepFinished(step) => self.step(step),
            Event::EvaluationFinished(evaluation) => {
                self.test = Some((evaluation.loss_nats, evaluation.accuracy));
            }
            Event::RunFinished(_) => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn wants_stop(&self) -> bool {
        // A full disk must not cost hours of training that nobody will ever see.
        self.failure.is_some() || self.stop.load(Ordering::Relaxed)
    }
}
