//! The summary of a run in the list of runs, read from both ends of its log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diagnostics::chain;
use events::{Best, Event, MetricInfo, Metrics, NotFinite, ParseError, Part, Reason};
use runs::{Experiment, RunFolder};
use serde::Serialize;

/// Bytes at the beginning and at the end of a log that are read.
const HEAD: u64 = 1 << 12;
const TAIL: u64 = 1 << 16;
/// How long a running run may write nothing, if it is not known whether its process still exists.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// What the list of runs shows of one of them.
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
    /// Time of the last write, in seconds since 1970.
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

impl RunState {
    /// Whether the run has ended, so that only a change of its log can change its state.
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }
}

impl RunSummary {
    /// The step of the run in a folder, by its log alone.
    pub(crate) fn steps_of(folder: &Path) -> u64 {
        let mut summary = Self::empty("");
        // A log that cannot be read has no steps.
        let _ = summary.read_log(folder, false, SystemTime::now());
        summary.step
    }

    /// Reads the summary of a folder at the time `now`. Whatever is wrong with it is its `problem`.
    pub(crate) fn read(id: &str, folder: &Path, is_live: bool, now: SystemTime) -> Self {
        let mut summary = Self::empty(id);
        match fs::read_to_string(folder.join("experiment.toml")) {
            Ok(text) => match Experiment::parse("experiment.toml", &text) {
                Ok(experiment) => summary.settings = experiment.settings(),
                Err(error) => summary.problem = Some(chain(&error)),
            },
            Err(error) => summary.problem = Some(format!("experiment.toml: {error}")),
        }
        if let Err(error) = summary.read_log(folder, is_live, now) {
            summary.state = RunState::NotARun;
            summary.problem = Some(format!("events.jsonl: {error}"));
        }
        summary
    }

    /// The summary of a run that could not be read because of a bug.
    pub(crate) fn failed(id: &str) -> Self {
        let problem = "internal error while reading this run; please report it".to_owned();
        Self { problem: Some(problem), ..Self::empty(id) }
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

    fn read_log(&mut self, folder: &Path, is_live: bool, now: SystemTime) -> std::io::Result<()> {
        let mut file = File::open(folder.join("events.jsonl"))?;
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
                self.problem = Some("events.jsonl: its first event is not `run_started`".into());
            }
            Err(error @ (ParseError::UnknownKind(_) | ParseError::Format { .. })) => {
                self.state = RunState::Newer;
                self.problem = Some(format!("events.jsonl: written by another version: {error}"));
                return Ok(());
            }
            Err(_) if head.is_empty() => self.problem = Some("events.jsonl: it is empty".into()),
            Err(error) => self.problem = Some(format!("events.jsonl: line 1: {error}")),
        }
        let begin = metadata.len().saturating_sub(TAIL);
        let tail = read_at(&mut file, begin, TAIL)?;
        // The last event of each kind counts; the first line of the tail may be half of one.
        let lines = tail.split(|&byte| byte == b'\n').rev();
        let (mut n_events, mut n_newer) = (0, 0);
        let (mut is_paused, mut has_restarted) = (None, false);
        for event in lines.map(parse) {
            match event {
                Ok(Event::RunFinished(_)) if has_restarted => {}
                Ok(event) => {
                    n_events += 1;
                    match &event {
                        Event::Paused(_) => _ = is_paused.get_or_insert(true),
                        Event::Unpaused(_) => _ = is_paused.get_or_insert(false),
                        Event::RunStarted(_) => has_restarted = true,
                        _ => {}
                    }
                    let is_end = matches!(event, Event::RunFinished(_));
                    self.add(event);
                    // It repeats all that the list shows.
                    if is_end {
                        self.set_problem_of_newer(n_newer);
                        return Ok(());
                    }
                }
                Err(ParseError::UnknownKind(_)) => n_newer += 1,
                Err(_) => {}
            }
        }
        if n_events == 0 && !head.is_empty() {
            self.state = RunState::NotARun;
            return Ok(());
        }
        // A wrong clock may be ahead as well.
        let silence = match now.duration_since(modified) {
            Ok(silence) => silence,
            Err(error) => error.duration(),
        };
        let is_trained = match RunFolder::is_in_use(folder) {
            _ if is_live => true,
            Some(true) => true,
            // A paused run writes nothing.
            None if is_paused == Some(true) => true,
            _ => silence < MAX_SILENCE,
        };
        self.state = match (is_trained, is_paused) {
            (false, _) => RunState::Crashed,
            (true, Some(true)) => RunState::Paused,
            (true, _) => RunState::Running,
        };
        if !is_trained && self.problem.is_none() {
            self.problem = Some(format!("events.jsonl: it ends after step {}", self.step));
        }
        self.set_problem_of_newer(n_newer);
        Ok(())
    }

    fn set_problem_of_newer(&mut self, n_newer: usize) {
        if n_newer > 0 && self.problem.is_none() {
            self.problem = Some("events.jsonl: has events of a newer version".into());
        }
    }

    /// Adds an event that is followed by those added before.
    fn add(&mut self, event: Event) {
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

#[cfg(test)]
mod tests {
    use events::{LearningRateSet, Paused, Unpaused};

    use super::*;

    /// The summary of a log, at a time after its last write.
    fn summary(folder: &Path, later: Duration) -> RunSummary {
        let written = fs::metadata(folder.join("events.jsonl")).unwrap().modified().unwrap();
        RunSummary::read("x", folder, false, written + later)
    }

    fn write(folder: &Path, events: &[Event]) {
        let lines: String = events.iter().map(|event| event.to_line() + "\n").collect();
        fs::write(folder.join("events.jsonl"), lines).unwrap();
    }

    fn paused() -> Event {
        Event::Paused(Paused { step: 1 })
    }

    #[test]
    fn a_process_that_holds_its_run_is_not_crashed_however_long_it_writes_nothing() {
        let runs = tempfile::tempdir().unwrap();
        let experiment = runs::presets::find("softmax").unwrap().experiment();
        let mut folder = RunFolder::create_next(runs.path(), &experiment).unwrap();
        let path = folder.path().to_owned();
        folder.record(&Event::Unpaused(Unpaused { step: 1 })).unwrap();
        let hour = Duration::from_secs(3600);
        assert_eq!(summary(&path, hour).state, RunState::Running);
        folder.record(&paused()).unwrap();
        let set = LearningRateSet { step: 1, learning_rate: None };
        folder.record(&Event::LearningRateSet(set)).unwrap();
        assert_eq!(summary(&path, hour).state, RunState::Paused);
        // A process that is killed leaves its lock file behind, but does not hold it.
        let lock = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        let lock = lock.into_iter().find(|path| path.ends_with("lock")).unwrap();
        drop(folder);
        assert!(!lock.exists());
        fs::write(lock, "").unwrap();
        assert_eq!(summary(&path, hour).state, RunState::Crashed);
    }

    #[test]
    fn without_a_lock_the_last_pause_and_the_last_write_decide() {
        let folder = tempfile::tempdir().unwrap();
        let [short, long] = [59, 61].map(Duration::from_secs);
        let unpaused = Event::Unpaused(Unpaused { step: 1 });
        for (events, soon, later) in [
            (vec![paused()], RunState::Paused, RunState::Paused),
            (vec![paused(), unpaused.clone()], RunState::Running, RunState::Crashed),
            (vec![unpaused, paused()], RunState::Paused, RunState::Paused),
        ] {
            write(folder.path(), &events);
            let found = [short, long].map(|later| summary(folder.path(), later).state);
            assert_eq!(found, [soon, later], "{events:?}");
        }
    }

    #[test]
    fn a_damaged_first_line_hides_no_later_event() {
        let folder = tempfile::tempdir().unwrap();
        let lines = ["\u{1}", &paused().to_line(), ""].join("\n");
        fs::write(folder.path().join("events.jsonl"), lines.replace('\u{1}', "{")).unwrap();
        let found = summary(folder.path(), Duration::ZERO);
        assert_eq!(found.state, RunState::Paused);
        let problem = found.problem.unwrap();
        assert!(problem.starts_with("events.jsonl: line 1: "), "{problem}");
        fs::write(folder.path().join("events.jsonl"), "{\n").unwrap();
        assert_eq!(summary(folder.path(), Duration::ZERO).state, RunState::NotARun);
    }
}
