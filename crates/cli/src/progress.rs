//! The progress of a run on the terminal: a bar, or lines of text where standard error is not a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gradus::events::{Command, EvaluationFinished, Event, Part, RunStarted, StepFinished};
use gradus::runs::{RunFolder, RunFolderError};
use gradus::train::{Observer, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use studio::LiveLink;

use crate::numbers::{metric, thousands};

/// Parts of a run after each of which the network is saved, so that one can look back.
const PARTS: u64 = 10;
/// Lines of a run at most. With all samples in one batch, every step is an epoch.
const MOST_LINES: f64 = 100.0;

/// Shows progress on standard error and writes the run folder.
#[derive(Debug)]
pub(crate) struct Progress {
    folder: RunFolder,
    stop: Arc<AtomicBool>,
    live: Option<LiveLink>,
    bar: Option<ProgressBar>,
    loss: f64,
    /// The last evaluation; none if a line has told it.
    test: Option<EvaluationFinished>,
    /// Epochs from one line to the next, and how many lines there were.
    epochs_apart: f64,
    lines_told: u64,
    /// The step and the epoch of a line that waits for the evaluation after its step.
    due: Option<(u64, f64)>,
    /// Steps from one saved network to the next, the step of the next, and the last step, whose network is saved as
    /// such.
    saves_apart: u64,
    next_save: u64,
    last_step: u64,
    failure: Option<RunFolderError>,
}

impl Progress {
    /// Progress of a run that is recorded in `folder`, stops when `stop` is set, and listens to the pages that `live`
    /// leads to.
    pub(crate) fn new(folder: RunFolder, stop: Arc<AtomicBool>, live: Option<LiveLink>) -> Self {
        Self {
            folder,
            stop,
            live,
            bar: None,
            loss: f64::NAN,
            test: None,
            epochs_apart: 1.0,
            lines_told: 0,
            due: None,
            saves_apart: 1,
            next_save: 1,
            last_step: 0,
            failure: None,
        }
    }

    /// The folder, or why it could not be written.
    pub(crate) fn finish(self) -> Result<RunFolder, RunFolderError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.folder),
        }
    }

    fn start(&mut self, started: &RunStarted) {
        let RunStarted { name, parameters, threads, isa, .. } = started;
        let of = |part| thousands(started.samples_of(part) as u64);
        let (parameters, train, test) =
            (thousands(*parameters as u64), of(Part::Train), of(Part::Test));
        self.tell(&format!(
            "{name}: {parameters} parameters, {train} training and {test} test samples, {threads} threads, {isa}"
        ));
        self.saves_apart = (started.steps_planned.unwrap_or(0) / PARTS).max(1);
        self.next_save = self.saves_apart;
        self.last_step = started.steps_planned.unwrap_or(u64::MAX);
        let samples_planned = started.steps_planned.unwrap_or(0) as f64 * started.batch as f64;
        let epochs_planned = samples_planned / started.samples_of(Part::Train) as f64;
        self.epochs_apart = (epochs_planned / MOST_LINES).ceil().max(1.0);
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
        self.tell_due();
        // A running mean over the last twenty steps or so: single batches are noisy.
        const KEPT: f64 = 0.95;
        self.loss = if self.loss.is_nan() {
            step.metrics.loss()
        } else {
            KEPT * self.loss + (1.0 - KEPT) * step.metrics.loss()
        };
        if let Some(bar) = &self.bar {
            if step.step.is_multiple_of(10) {
                bar.set_message(self.state(step.epoch));
                bar.set_position(step.step);
            }
            return;
        }
        let lines = (step.epoch / self.epochs_apart) as u64;
        if lines > self.lines_told {
            self.lines_told = lines;
            self.due = Some((step.step, step.epoch));
        }
    }

    /// Tells the line that is due.
    fn tell_due(&mut self) {
        let Some((step, epoch)) = self.due.take() else { return };
        let of = match &self.test {
            Some(test) if test.step < step => format!(" (step {})", test.step),
            _ => String::new(),
        };
        self.tell(&format!("step {step}  {}{of}", self.state(epoch)));
        self.test = None;
    }

    fn state(&self, epoch: f64) -> String {
        let test = self.test.as_ref().map_or(String::new(), |test| {
            let metrics = test.metrics.iter();
            let metrics = metrics
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), metric(value)));
            format!("  test {}", metrics.collect::<Vec<_>>().join(" "))
        });
        format!("epoch {epoch:.2}  loss {}{test}", metric(self.loss))
    }

    fn tell(&self, line: &str) {
        // Nobody is hurt if standard error is gone.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        if let Err(failure) = self.folder.record(event) {
            self.failure.get_or_insert(failure);
        }
        let step = trainer.steps_done();
        match (&self.live, event) {
            (Some(live), Event::Snapshot(_)) => live.offer(step, || trainer.saved()),
            (Some(live), Event::Paused(_) | Event::RunFinished(_)) => {
                live.hand_out(step, trainer.saved());
            }
            _ => {}
        }
        match event {
            Event::RunStarted(started) => self.start(started),
            Event::StepFinished(step) => self.step(step),
            Event::EvaluationFinished(evaluation) => {
                self.test = Some(evaluation.clone());
                if step >= self.next_save && step < self.last_step {
                    self.next_save = step + self.saves_apart;
                    let saved = self.folder.save_step(step, &trainer.saved());
                    self.failure = self.failure.take().or(saved.err());
                }
            }
            Event::Paused(_) => self.tell_due(),
            Event::RunFinished(_) => {
                self.tell_due();
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        // A full disk must not cost hours of training that nobody will ever see.
        if self.failure.is_some() || self.stop.load(Ordering::Relaxed) {
            return Some(Command::Stop);
        }
        self.live.as_ref()?.command(is_paused)
    }
}
