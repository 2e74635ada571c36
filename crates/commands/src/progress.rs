//! The progress of a run on the terminal: a bar, or lines of text where standard error is not a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gradus::events::{
    Command, EvaluationFinished, Event, Fork, Part, RunStarted, StartModel, StepFinished,
};
use gradus::studio::LivePage;
use gradus::train::{Observer, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::commanded::InputCommands;
use crate::output::{metric, stderr, thousands};

/// Lines of a run at most. With all samples in one batch, every step is an epoch.
const MOST_LINES: f64 = 100.0;

/// Shows progress on standard error, and passes on the commands of signals, pages and standard input.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    stop: Arc<AtomicBool>,
    live: Option<LivePage>,
    input: Option<InputCommands>,
    bar: Option<ProgressBar>,
    /// A running mean over the last twenty steps or so: single batches are noisy.
    loss: Option<f64>,
    /// The part by which the run chooses, and its last evaluation; `None` if a line has shown it.
    selecting: Option<Part>,
    evaluation: Option<EvaluationFinished>,
    /// Epochs from one line to the next, and how many lines there were.
    epochs_apart: f64,
    lines_printed: u64,
    /// The step and the epoch of a line that waits for the evaluation after its step.
    due: Option<(u64, f64)>,
}

impl Progress {
    /// Progress of a run that stops when `stop` is set.
    pub(crate) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..Self::default() }
    }

    /// The run also obeys the pages of `live`, and the commands of `input`.
    pub(crate) fn obeying(self, live: Option<LivePage>, input: Option<InputCommands>) -> Self {
        Self { live, input, ..self }
    }

    fn start(&mut self, started: &RunStarted) {
        let RunStarted { name, threads, isa, .. } = started;
        self.selecting = Some(started.selection.part);
        let of = |part| thousands(started.samples_of(part) as u64);
        let validation = match started.parts.contains_key(&Part::Validation) {
            true => format!(", {} validation", of(Part::Validation)),
            false => String::new(),
        };
        self.print(&format!(
            "{name}: {} parameters, {} training{validation} and {} test samples, {threads} threads, {isa}",
            thousands(started.parameters as u64),
            of(Part::Train),
            of(Part::Test),
        ));
        if let Some(StartModel { model, taken, left, new }) = &started.start {
            self.print(&format!("begins with {model}"));
            for (what, tensors) in [("taken", taken), ("left", left), ("new", new)] {
                if !tensors.is_empty() {
                    self.print(&format!("  {what}: {}", tensors.join(", ")));
                }
            }
        }
        if let Some(Fork { run, step }) = &started.fork_of {
            self.print(&format!("begins with step {step} of {run}"));
        }
        if let Some(step) = started.continues {
            self.print(&format!("continues after step {step}"));
        }
        let samples_planned = started.steps_planned.unwrap_or(0) as f64 * started.batch as f64;
        let epochs_planned = samples_planned / started.samples_of(Part::Train) as f64;
        self.epochs_apart = (epochs_planned / MOST_LINES).ceil().max(1.0);
        let done = epochs_planned * started.continues.unwrap_or(0) as f64
            / started.steps_planned.unwrap_or(u64::MAX) as f64;
        self.lines_printed = (done / self.epochs_apart) as u64;
        if io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr_with_hz(5);
            let bar = ProgressBar::with_draw_target(started.steps_planned, target);
            let style = "{msg}  {wide_bar} {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("a template that is right"));
            self.bar = Some(bar);
        }
    }

    fn step(&mut self, step: &StepFinished) {
        self.print_due();
        const KEPT: f64 = 0.95;
        let loss = step.metrics.loss();
        self.loss = Some(self.loss.map_or(loss, |mean| KEPT * mean + (1.0 - KEPT) * loss));
        if let Some(bar) = &self.bar {
            if step.step.is_multiple_of(10) {
                bar.set_position(step.step);
                let of = bar.length().map_or(String::new(), |all| format!("/{all}"));
                bar.set_message(format!("step {}{of}  {}", step.step, self.state(step.epoch)));
            }
            return;
        }
        let lines = (step.epoch / self.epochs_apart) as u64;
        if lines > self.lines_printed {
            self.lines_printed = lines;
            self.due = Some((step.step, step.epoch));
        }
    }

    fn print_due(&mut self) {
        let Some((step, epoch)) = self.due.take() else { return };
        let of = match &self.evaluation {
            Some(evaluation) if evaluation.step < step => format!(" (step {})", evaluation.step),
            _ => String::new(),
        };
        self.print(&format!("step {step}  {}{of}", self.state(epoch)));
        self.evaluation = None;
    }

    fn state(&self, epoch: f64) -> String {
        let evaluated = self.evaluation.as_ref().map_or(String::new(), |evaluation| {
            let metrics = evaluation.metrics.iter();
            let metrics = metrics
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), metric(value)));
            format!("  {} {}", evaluation.part, metrics.collect::<Vec<_>>().join(" "))
        });
        format!("epoch {epoch:.2}  loss {}{evaluated}", metric(self.loss.unwrap_or(f64::NAN)))
    }

    fn print(&self, line: &str) {
        // A closed standard error does not stop the training.
        let _ = writeln!(stderr(), "{line}");
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        if let Some(live) = &mut self.live {
            live.event(event, trainer);
        }
        match event {
            Event::RunStarted(started) => self.start(started),
            Event::StepFinished(step) => self.step(step),
            Event::EvaluationFinished(evaluation) if Some(evaluation.part) == self.selecting => {
                self.evaluation = Some(evaluation.clone());
            }
            Event::Paused(_) => self.print_due(),
            Event::RunFinished(_) => {
                self.print_due();
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Command::Stop);
        }
        match &mut self.live {
            // It waits, and a page can end a pause when the input cannot.
            Some(live) => live.command(is_paused).or_else(|| self.input.as_ref()?.next(false)),
            None => self.input.as_ref()?.next(is_paused),
        }
    }
}
