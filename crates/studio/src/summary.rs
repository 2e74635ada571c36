//! The summary of a run in the list of runs, read from both ends of its log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diagnostics::chain;
use events::{
    Best, Event, Metrics, NotFinite, ParseError, Part, Reason, RunFinished, RunStarted, merged,
};
use runs::{Experiment, RunFolder};
use serde::Serialize;

use crate::error::RunError;

/// Bytes at the beginning and at the end of a log that are read.
const HEAD: u64 = 1 << 12;
const TAIL: u64 = 1 << 16;
/// How long a running run may write nothing, if it is not known whether its process still exists.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// What the list of runs shows of one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RunSummary {
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    pub(crate) state: RunState,
    /// Why the run cannot be shown, or not all of it.
    pub(crate) problem: Option<String>,
    /// What was not finite, if that ended the run.
    not_finite: Option<NotFinite>,
    #[serde(flatten)]
    pub(crate) started: Option<RunStarted>,
    step: u64,
    /// Metrics of the last batch, of the last evaluations, and the best so far on the part by which the run chooses.
    train: Option<Metrics>,
    validation: Option<Metrics>,
    test: Option<Metrics>,
    best: BTreeMap<String, Best>,
    wall_seconds: Option<f64>,
    /// Time of the last write, in seconds since 1970.
    pub(crate) modified: u64,
    /// Every setting with its dotted path.
    settings: Vec<(String, String)>,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    Running,
    /// It waits for a command.
    Paused,
    /// It did all its steps, or reached its target.
    Finished,
    /// Its evaluations did not improve any more.
    StoppedEarly,
    /// By a command or a signal.
    Stopped,
    NotFinite,
    /// Its log ends before the run did.
    Crashed,
    /// It was written by a newer version.
    Newer,
    #[default]
    NotARun,
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
        let mut summary = Self::default();
        // A log that cannot be read has no steps.
        let _ = summary.read_log(folder, false, SystemTime::now());
        summary.step
    }

    /// Reads the summary of a folder at the time `now`. Whatever is wrong with it is its `problem`.
    pub(crate) fn read(id: &str, folder: &Path, is_live: bool, now: SystemTime) -> Self {
        let mut summary = Self { id: id.to_owned(), folder: folder.to_owned(), ..Self::default() };
        match experiment(folder) {
            Ok(experiment) => summary.settings = experiment.settings(),
            Err(error) => {
                summary.problem = Some(chain(&error));
                // A program may have kinds of its own, which are not known here.
                summary.settings = unchecked_settings(folder);
            }
        }
        if let Err(error) = summary.read_log(folder, is_live, now) {
            summary.state = RunState::NotARun;
            summary.problem = Some(format!("events.jsonl: {error}"));
        }
        summary
    }

    /// Whether the run has ended before its last step and can continue.
    pub(crate) fn can_resume(&self) -> bool {
        let has_state = || !RunFolder::checkpoints(&self.folder).is_empty();
        matches!(self.state, RunState::Crashed | RunState::Stopped) && has_state()
    }

    /// The summary of a run that could not be read because of a bug.
    pub(crate) fn failed(id: &str) -> Self {
        let problem = "internal error while reading this run; please report it".to_owned();
        Self { id: id.to_owned(), problem: Some(problem), ..Self::default() }
    }

    fn read_log(&mut self, folder: &Path, is_live: bool, now: SystemTime) -> std::io::Result<()> {
        let mut file = files::open(folder.join("events.jsonl"))?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?;
        self.modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = read_at(&mut file, 0, HEAD)?;
        let first = head.split_inclusive(|&byte| byte == b'\n').next().unwrap_or(&[]);
        let problem = match parse(first) {
            Ok(Event::RunStarted(started)) => {
                self.started = Some(started);
                None
            }
            Ok(_) => Some("its first event is not `run_started`".to_owned()),
            Err(error @ (ParseError::UnknownKind(_) | ParseError::Format { .. })) => {
                self.state = RunState::Newer;
                Some(format!("written by another version: {error}"))
            }
            Err(_) if head.is_empty() => Some("it is empty".to_owned()),
            Err(error) => Some(format!("line 1: {error}")),
        };
        if let Some(problem) = problem {
            self.problem = Some(format!("events.jsonl: {problem}"));
        }
        if self.state == RunState::Newer {
            return Ok(());
        }
        let begin = metadata.len().saturating_sub(TAIL);
        let tail = read_at(&mut file, begin, TAIL)?;
        // The last event of each kind counts; the first line of the tail may be half of one.
        let (mut is_run, mut is_newer) = (head.is_empty(), false);
        let (mut is_paused, mut has_restarted, mut has_ended) = (None, false, false);
        let lines = tail.split(|&byte| byte == b'\n').rev();
        // Of a line whose break is damaged the last event comes first.
        let texts = lines.flat_map(|line| {
            let parts: Vec<&[u8]> =
                if parse(line).is_err() { merged(line).collect() } else { vec![line] };
            parts.into_iter().rev()
        });
        for event in texts.map(parse) {
            is_run |= event.is_ok();
            match event {
                Err(ParseError::UnknownKind(_)) => is_newer = true,
                Ok(Event::RunStarted(started)) => {
                    // A run that continues has several starts; it is not paused where it continued.
                    if !has_restarted {
                        self.started = Some(started);
                    }
                    has_restarted = true;
                    is_paused.get_or_insert(false);
                }
                Ok(Event::Paused(_)) => _ = is_paused.get_or_insert(true),
                Ok(Event::Unpaused(_)) => _ = is_paused.get_or_insert(false),
                Ok(Event::RunFinished(finished)) if !has_restarted => {
                    self.finish(finished);
                    has_ended = true;
                    // It repeats all that the list shows.
                    break;
                }
                Ok(Event::EvaluationFinished(evaluation)) => {
                    self.step = self.step.max(evaluation.step);
                    if self.best.is_empty() {
                        self.best = evaluation.best;
                    }
                    match evaluation.part {
                        Part::Train => {}
                        Part::Validation => _ = self.validation.get_or_insert(evaluation.metrics),
                        Part::Test => _ = self.test.get_or_insert(evaluation.metrics),
                    }
                }
                Ok(Event::StepFinished(step)) => {
                    self.step = self.step.max(step.step);
                    self.train.get_or_insert(step.metrics);
                }
                Ok(_) | Err(_) => {}
            }
        }
        if is_run && !has_ended {
            // A wrong clock may be ahead as well.
            let silence = now.duration_since(modified).unwrap_or_else(|error| error.duration());
            let is_trained = match RunFolder::is_in_use(folder) {
                _ if is_live => true,
                Some(is_in_use) => is_in_use,
                // A paused run writes nothing.
                None if is_paused == Some(true) => true,
                _ => silence < MAX_SILENCE,
            };
            self.state = match (is_trained, is_paused) {
                (false, _) => RunState::Crashed,
                (true, Some(true)) => RunState::Paused,
                (true, _) => RunState::Running,
            };
        }
        if self.state == RunState::Crashed {
            let step = self.step;
            self.problem.get_or_insert(format!("events.jsonl: it ends after step {step}"));
        } else if is_newer {
            self.problem.get_or_insert("events.jsonl: has events of a newer version".to_owned());
        }
        Ok(())
    }

    fn finish(&mut self, RunFinished { reason, summary, .. }: RunFinished) {
        (self.state, self.not_finite) = match reason {
            Reason::Interrupted => (RunState::Stopped, None),
            Reason::NotFinite(not_finite) => (RunState::NotFinite, Some(not_finite)),
            Reason::StoppedEarly => (RunState::StoppedEarly, None),
            _ => (RunState::Finished, None),
        };
        self.step = summary.steps;
        (self.train, self.test) = (Some(summary.train), Some(summary.test));
        self.validation = summary.validation;
        self.best = summary.best;
        self.wall_seconds = Some(summary.wall_seconds);
    }
}

/// The name of the experiment in a run folder.
const FILE: &str = "experiment.toml";

/// The settings of the run in a folder as they are written; none if they cannot be read.
pub(crate) fn unchecked_settings(folder: &Path) -> Vec<(String, String)> {
    let text = experiment_text(folder).ok();
    text.and_then(|text| Experiment::settings_of(&text)).unwrap_or_default()
}

/// The experiment of the run in a folder.
pub(crate) fn experiment(folder: &Path) -> Result<Experiment, RunError> {
    Ok(Experiment::parse(FILE, &experiment_text(folder)?)?)
}

fn experiment_text(folder: &Path) -> Result<String, RunError> {
    let bytes = Experiment::read_bytes(&folder.join(FILE));
    let bytes = bytes.map_err(|source| RunError::File { file: FILE, source })?;
    Ok(Experiment::decode(FILE, bytes)?)
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
    use std::fs;

    use events::{LearningRateSet, Paused, Unpaused};

    use super::*;

    /// The summary of a log, at a time after its last write.
    fn summary(folder: &Path, later: Duration) -> RunSummary {
        let written = fs::metadata(folder.join("events.jsonl")).unwrap().modified().unwrap();
        RunSummary::read("x", folder, false, written + later)
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
            let lines: String = events.iter().map(|event| event.to_line() + "\n").collect();
            fs::write(folder.path().join("events.jsonl"), lines).unwrap();
            let found = [short, long].map(|later| summary(folder.path(), later).state);
            assert_eq!(found, [soon, later], "{events:?}");
        }
    }

    #[test]
    fn a_damaged_first_line_hides_no_later_event() {
        let folder = tempfile::tempdir().unwrap();
        for (rest, state) in
            [(paused().to_line(), RunState::Paused), (String::new(), RunState::NotARun)]
        {
            fs::write(folder.path().join("events.jsonl"), format!("{{\n{rest}\n")).unwrap();
            let found = summary(folder.path(), Duration::ZERO);
            assert_eq!(found.state, state);
            assert!(found.problem.unwrap().starts_with("events.jsonl: line 1: "), "{rest}");
        }
    }
}
