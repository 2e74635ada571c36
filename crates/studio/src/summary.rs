//! The summary of a run in the list of runs, read from both ends of its log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use events::{Best, Event, MetricInfo, Metrics, NotFinite, ParseError, Part, Reason};
use runs::Experiment;
use serde::Serialize;

/// Bytes at the beginning and at the end of a log that are read.
const HEAD: u64 = 1 << 12;
const TAIL: u64 = 1 << 16;
/// A log that was not written for so long is not being written.
const SILENCE: Duration = Duration::from_secs(60);

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RunSummary {
    pub(crate) id: String,
    pub(crate) state: RunState,
    /// Why the run cannot be shown, or not all of it.
    pub(crate) problem: Option<String>,
    /// What was not finite, if that ended the run.
    pub(crate) not_finite: Option<NotFinite>,
    pub(crate) name: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) threads: Option<usize>,
    pub(crate) parameters: Option<usize>,
    pub(crate) step: u64,
    pub(crate) steps_planned: Option<u64>,
    /// The metrics of the run, and their values: of the last batch, of the last evaluation, and the best so far.
    pub(crate) metrics: Vec<MetricInfo>,
    pub(crate) train: Option<Metrics>,
    pub(crate) test: Option<Metrics>,
    pub(crate) best: BTreeMap<String, Best>,
    pub(crate) samples_per_second: Option<f64>,
    pub(crate) wall_seconds: Option<f64>,
    /// When something was written last, in seconds since 1970.
    pub(crate) modified: u64,
    /// Every setting with its dotted path.
    pub(crate) settings: Vec<(String, String)>,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    /// It is in progress.
    Running,
    /// It waits for a command.
    Paused,
    /// It did all its steps, or reached its target.
    Finished,
    /// It was stopped.
    Stopped,
    /// A number was not finite.
    NotFinite,
    /// Its log ends before the run did.
    Crashed,
    /// It was written by a newer version.
    Newer,
    /// It is not a run.
    NotARun,
}

impl From<&Reason> for RunState {
    fn from(reason: &Reason) -> Self {
        match reason {
            Reason::Interrupted => Self::Stopped,
            Reason::NotFinite(_) => Self::NotFinite,
            _ => Self::Finished,
        }
    }
}

impl RunSummary {
    /// The steps that the run in a folder has done, by its log alone.
    pub(crate) fn steps_of(folder: &Path) -> u64 {
        let mut summary = Self::empty("");
        // What cannot be read has done none.
        let _ = summary.read_log(&folder.join("events.jsonl"), false);
        summary.step
    }

    /// Reads what a folder says. Whatever is wrong with it stands in the summary.
    pub(crate) fn read(id: &str, folder: &Path, is_live: bool) -> Self {
        let mut summary = Self::empty(id);
        match fs::read_to_string(folder.join("experiment.toml")) {
            Ok(text) => match Experiment::parse("experiment.toml", &text) {
                Ok(experiment) => summary.settings = experiment.settings(),
                Err(error) => summary.problem = Some(error.to_string()),
            },
            Err(error) => summary.problem = Some(format!("experiment.toml: {error}")),
        }
        if let Err(error) = summary.read_log(&folder.join("events.jsonl"), is_live) {
            summary.state = RunState::NotARun;
            summary.problem = Some(format!("events.jsonl: {error}"));
        }
        summary
    }

    fn empty(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            state: RunState::NotARun,
            problem: None,
            not_finite: None,
            name: None,
            seed: None,
            threads: None,
            parameters: None,
            step: 0,
            steps_planned: None,
            metrics: Vec::new(),
            train: None,
            test: None,
            best: BTreeMap::new(),
            samples_per_second: None,
            wall_seconds: None,
            modified: 0,
            settings: Vec::new(),
        }
    }

    fn read_log(&mut self, log: &Path, is_live: bool) -> std::io::Result<()> {
        let mut file = File::open(log)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?;
        self.modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = read_at(&mut file, 0, HEAD)?;
        let first = head.split_inclusive(|&byte| byte == b'\n').next().unwrap_or(&[]);
        match parse(first) {
            Ok(Event::RunStarted(started)) => {
                self.name = Some(started.name);
                self.seed = Some(started.seed);
                self.threads = Some(started.threads);
                self.parameters = Some(started.parameters);
                self.steps_planned = started.steps_planned;
                self.metrics = started.metrics;
            }
            Ok(_) => {
                self.problem = Some("events.jsonl: its first event is not `run_started`".into())
            }
            Err(error @ (ParseError::UnknownKind(_) | ParseError::Format { .. })) => {
                self.state = RunState::Newer;
                self.problem = Some(format!("events.jsonl: written by another version: {error}"));
                return Ok(());
            }
            Err(_) if head.is_empty() => {
                self.problem = Some("events.jsonl: it is empty".into());
            }
            Err(error) => return Err(std::io::Error::other(format!("line 1: {error}"))),
        }
        let begin = metadata.len().saturating_sub(TAIL);
        let tail = read_at(&mut file, begin, TAIL)?;
        let is_fresh = SystemTime::now().duration_since(modified).unwrap_or_default() < SILENCE;
        self.state = if is_live || is_fresh { RunState::Running } else { RunState::Crashed };
        // The latest line of each kind; a line that begins before the tail is not an event and passed over.
        let lines = tail.split(|&byte| byte == b'\n').rev();
        let (mut unknown, mut is_last) = (0, true);
        for event in lines.map(parse) {
            match event {
                Ok(event) => {
                    // A run that waits writes nothing.
                    if is_last && matches!(event, Event::Paused(_)) {
                        self.state = RunState::Paused;
                    }
                    // A continued run has an end before its last start.
                    let is_end = matches!(event, Event::RunFinished(_)) && is_last;
                    is_last = false;
                    if is_end || !matches!(event, Event::RunFinished(_)) {
                        self.note(event);
                    }
                    // The last event says all that the list does.
                    if is_end {
                        break;
                    }
                }
                Err(ParseError::UnknownKind(_)) => unknown += 1,
                Err(_) => {}
            }
        }
        if self.state == RunState::Crashed && self.problem.is_none() {
            self.problem = Some(format!("events.jsonl: it ends after step {}", self.step));
        }
        if unknown > 0 && self.problem.is_none() {
            self.problem = Some("events.jsonl: has events that only a newer version knows".into());
        }
        Ok(())
    }

    /// Notes an event that is followed by those noted before.
    fn note(&mut self, event: Event) {
        match event {
            Event::RunFinished(finished) => {
                let summary = finished.summary;
                self.state = RunState::from(&finished.reason);
                if let Reason::NotFinite(not_finite) = finished.reason {
                    self.not_finite = Some(not_finite);
                }
                self.step = summary.steps;
                (self.train, self.test) = (Some(summary.train), Some(summary.test));
                self.best = summary.best;
                self.samples_per_second = Some(summary.samples_per_second);
                self.wall_seconds = Some(summary.wall_seconds);
            }
            Event::EvaluationFinished(evaluation) => {
                self.step = self.step.max(evaluation.step);
                if evaluation.part == Part::Test && self.test.is_none() {
                    (self.test, self.best) = (Some(evaluation.metrics), evaluation.best);
                }
            }
            Event::StepFinished(step) => {
                self.step = self.step.max(step.step);
                self.train.get_or_insert(step.metrics);
            }
            _ => {}
        }
    }
}

fn parse(line: &[u8]) -> Result<Event, ParseError> {
    Event::parse(std::str::from_utf8(line).unwrap_or("").trim_end())
}

fn read_at(file: &mut File, start: u64, most: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
