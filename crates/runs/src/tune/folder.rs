//! The folder of a sweep: the experiment with its ranges, the record, and the run of each trial.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Value;

use super::{Rung, TuneRange, Tuning};
use crate::experiment::{Experiment, ExperimentError};
use crate::folder_lock::{FolderLock, create_next, with_folder_mistakes};

/// The version of the record.
const FORMAT: u32 = 1;
/// Bytes of a record at most: more than the longest sweep writes.
const MAX_BYTES: u64 = 1 << 26;

const EXPERIMENT: &str = "tune.toml";
const RECORD: &str = "tune.jsonl";

/// The folder of a sweep in progress: `tune.toml`, the record `tune.jsonl`, and a run folder for each trial that is or was
/// trained.
///
/// While this value exists, no other process can continue the sweep.
#[derive(Debug)]
pub struct SweepFolder {
    path: PathBuf,
    lines: File,
    record: SweepRecord,
    _lock: FolderLock,
}

/// What a sweep is and what it has found: the first line of its record and the others.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRecord {
    /// What was planned.
    pub started: SweepStarted,
    /// The trials that were trained, in the order in which they ended.
    pub results: Vec<TrialResult>,
}

/// The first line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepStarted {
    /// The version of the record.
    pub format: u32,
    /// The name of the experiment.
    pub name: String,
    /// The metric by which trials are compared: `validation.accuracy`.
    pub select: String,
    /// Whether a larger value of it is a better one.
    pub higher_is_better: bool,
    /// The rungs in order.
    pub rungs: Vec<Rung>,
    /// The paths of settings, each with its range.
    pub ranges: Vec<(String, TuneRange)>,
}

/// A trial that was trained for one rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Its number, from 1.
    pub trial: usize,
    /// The rung, from 1.
    pub rung: usize,
    /// The name of its run folder within that of the sweep.
    pub run: String,
    /// What it drew.
    pub values: BTreeMap<String, Value>,
    /// The best value of the metric in an evaluation; none if a loss or gradient was not finite.
    pub metric: Option<f64>,
    /// Optimizer updates before that evaluation.
    pub best_step: u64,
    /// Passes over the training data, with their fraction.
    pub epochs: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// Why the folder of a sweep cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepFolderError {
    /// It exists. A sweep is never overwritten.
    #[error("{}: expected a folder that does not exist yet, found one; --resume continues a sweep", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file stands where a folder is wanted.
    #[error("{}: expected a folder, found a file", path.display())]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes it.
    #[error("{}: {holder} works on this sweep", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, and where it runs.
        holder: String,
    },
    /// It is not the folder of a sweep.
    #[error("{}: expected the folder of a sweep, with {EXPERIMENT} and {RECORD}", path.display())]
    NotASweep {
        /// The folder.
        path: PathBuf,
    },
    /// A line of the record is damaged, or of another version.
    #[error("{}: line {line}: {message}", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// The experiment in the folder is wrong.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}

with_folder_mistakes!(SweepFolderError);

fn failed(path: &Path) -> impl Fn(io::Error) -> SweepFolderError {
    move |error| SweepFolderError::Io { path: path.to_owned(), error }
}

impl SweepFolder {
    /// Makes the folder `path`, which must not exist, for a sweep that is about to start.
    ///
    /// # Errors
    ///
    /// [`SweepFolderError::Exists`] if it exists, else what the system reports.
    pub fn create(
        path: &Path,
        tuning: &Tuning,
        started: SweepStarted,
    ) -> Result<Self, SweepFolderError> {
        let lock = FolderLock::create(path)?;
        let fill = || {
            fs::write(path.join(EXPERIMENT), tuning.text())?;
            let mut lines = File::create_new(path.join(RECORD))?;
            lines.write_all(line(&started).as_bytes())?;
            Ok(lines)
        };
        let lines = fill().map_err(failed(path))?;
        let record = SweepRecord { started, results: Vec::new() };
        Ok(Self { path: path.to_owned(), lines, record, _lock: lock })
    }

    /// As [`create`](Self::create), errors included, in `runs`: named after the experiment, with the next free number
    /// (`runs/softmax-tune-3`).
    pub fn create_next(
        runs: &Path,
        tuning: &Tuning,
        started: &SweepStarted,
    ) -> Result<Self, SweepFolderError> {
        let name = format!("{}-tune", started.name);
        let create = |path: &Path| Self::create(path, tuning, started.clone());
        create_next(runs, &name, create, |error| matches!(error, SweepFolderError::Exists { .. }))
    }

    /// Opens the folder of a sweep that has stopped, to continue it: what is left of it, and its experiment.
    ///
    /// # Errors
    ///
    /// If it is not the folder of a sweep, another process works on it, or a file of it is damaged.
    pub fn open(path: &Path) -> Result<(Self, Tuning), SweepFolderError> {
        if !SweepRecord::is_in(path) {
            return Err(SweepFolderError::NotASweep { path: path.to_owned() });
        }
        let lock = FolderLock::take(path)?;
        let file = path.join(EXPERIMENT);
        let text = Experiment::read_bytes(&file).map_err(failed(&file))?;
        let name = file.display().to_string();
        let tuning = Tuning::parse(&name, &Experiment::decode(&name, text)?)?;
        let file = path.join(RECORD);
        let (record, len) = SweepRecord::read_lines(&file)?;
        // Its own name would be that of the file.
        let tuning = tuning.named(&record.started.name);
        if record.started != SweepStarted::new(&tuning, record.started.higher_is_better) {
            let message = format!("expected the plan of {EXPERIMENT}, which was changed");
            return Err(SweepFolderError::Record { path: file, line: 1, message });
        }
        let reopened = files::open_to_write(&file, OpenOptions::new().append(true));
        // Half a line of a process that was killed: its trial is trained again.
        let lines = reopened.and_then(|lines| lines.set_len(len).map(|()| lines));
        let lines = lines.map_err(failed(&file))?;
        Ok((Self { path: path.to_owned(), lines, record, _lock: lock }, tuning))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was planned and found so far.
    pub fn record(&self) -> &SweepRecord {
        &self.record
    }

    /// Writes down that a trial has ended.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn add(&mut self, result: TrialResult) -> Result<(), SweepFolderError> {
        let written = self.lines.write_all(line(&result).as_bytes());
        written.map_err(failed(&self.path.join(RECORD)))?;
        self.record.results.push(result);
        Ok(())
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers") + "\n"
}

impl SweepStarted {
    /// The plan of a sweep; `higher_is_better` tells the direction of its metric.
    pub fn new(tuning: &Tuning, higher_is_better: bool) -> Self {
        let spec = tuning.spec();
        Self {
            format: FORMAT,
            name: tuning.base().name.clone(),
            select: spec.select.clone(),
            higher_is_better,
            rungs: spec.method.as_dyn().rungs(spec.trials),
            ranges: tuning.ranges().to_vec(),
        }
    }

    /// The name of the run folder of a trial in a rung, both from 1.
    pub fn run_name(&self, trial: usize, rung: usize) -> String {
        match self.rungs.len() {
            1 => format!("trial-{trial:03}"),
            _ => format!("rung-{rung}-trial-{trial:03}"),
        }
    }
}

impl SweepRecord {
    /// Whether a folder is that of a sweep.
    pub fn is_in(path: &Path) -> bool {
        path.join(RECORD).is_file()
    }

    /// Reads the record in the folder of a sweep, which may be in progress.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or a line is damaged. Half a line at its end is not read.
    pub fn read(path: &Path) -> Result<Self, SweepFolderError> {
        Ok(Self::read_lines(&path.join(RECORD))?.0)
    }

    /// The record, and the bytes of its whole lines.
    fn read_lines(file: &Path) -> Result<(Self, u64), SweepFolderError> {
        let bytes = files::read(file, MAX_BYTES).map_err(failed(file))?;
        let len = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let wrong = |line, message| {
            let path = file.to_owned();
            SweepFolderError::Record { path, line, message }
        };
        let mut lines = bytes[..len].split_inclusive(|&byte| byte == b'\n').zip(1..);
        let (first, _) = lines.next().ok_or_else(|| wrong(1, "expected one, found none".into()))?;
        let started = serde_json::from_slice::<SweepStarted>(first);
        let started = started.map_err(|error| wrong(1, error.to_string()))?;
        if started.format != FORMAT {
            let found = started.format;
            return Err(wrong(1, format!("expected a record of format {FORMAT}, found {found}")));
        }
        if started.rungs.is_empty() {
            return Err(wrong(1, "rungs: expected one or more, found none".into()));
        }
        let results = lines.map(|(line, number)| {
            serde_json::from_slice(line).map_err(|error| wrong(number, error.to_string()))
        });
        let results = results.collect::<Result<_, _>>()?;
        Ok((Self { started, results }, len as u64))
    }

    /// Whether a trial was trained for a rung, both from 1.
    pub fn has(&self, trial: usize, rung: usize) -> bool {
        self.results.iter().any(|result| (result.trial, result.rung) == (trial, rung))
    }

    /// The trials of a rung, from 1, in order of their numbers; it must be complete before the next one begins.
    pub fn trials_of(&self, rung: usize) -> Vec<usize> {
        let count = self.started.rungs[rung - 1].trials;
        if rung == 1 {
            return (1..=count).collect();
        }
        let mut before: Vec<_> =
            self.results.iter().filter(|result| result.rung == rung - 1).collect();
        before.sort_by(|a, b| self.compare(a, b));
        let mut best: Vec<_> = before.iter().take(count).map(|result| result.trial).collect();
        best.sort_unstable();
        best
    }

    /// The last result of each trial, the best first: those of the last rung, then those of the rung before.
    pub fn ranked(&self) -> Vec<&TrialResult> {
        let mut last: BTreeMap<usize, &TrialResult> = BTreeMap::new();
        for result in &self.results {
            let known = last.entry(result.trial).or_insert(result);
            if result.rung > known.rung {
                *known = result;
            }
        }
        let mut ranked: Vec<_> = last.into_values().collect();
        ranked.sort_by(|a, b| b.rung.cmp(&a.rung).then_with(|| self.compare(a, b)));
        ranked
    }

    /// The better result first, and of equal ones the earlier trial.
    fn compare(&self, a: &TrialResult, b: &TrialResult) -> Ordering {
        let by_metric = match (a.metric, b.metric) {
            (Some(a), Some(b)) if self.started.higher_is_better => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_metric.then(a.trial.cmp(&b.trial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [model]
        input = [2]
        layers = [{ kind = "linear", units = 2 }]
        [train]
        steps = 9
        [tune]
        trials = 4
        method = { kind = "successive_halving", factor = 2 }
        "train.l2" = { log = [1e-8, 1e-4] }
    "#;

    fn result(trial: usize, rung: usize, metric: Option<f64>) -> TrialResult {
        let values = [("train.l2".to_owned(), Value::from(1e-7 * trial as f64))].into();
        let run = format!("trial-{trial}");
        TrialResult { trial, rung, run, values, metric, best_step: 3, epochs: 0.1, seconds: 0.3 }
    }

    fn folder() -> (tempfile::TempDir, SweepFolder) {
        let runs = tempfile::tempdir().unwrap();
        let tuning = Tuning::parse("two.toml", TEXT).unwrap();
        let started = SweepStarted::new(&tuning, true);
        let folder = SweepFolder::create_next(runs.path(), &tuning, &started).unwrap();
        (runs, folder)
    }

    #[test]
    fn a_sweep_is_read_back_and_continued_where_it_was_killed() {
        let (runs, mut folder) = folder();
        let path = runs.path().join("two-tune-1");
        assert_eq!(folder.path(), path);
        // A third is a number without an end in decimal.
        let results = [result(1, 1, Some(1.0 / 3.0)), result(2, 1, None)];
        results.iter().for_each(|result| folder.add(result.clone()).unwrap());
        let in_use = SweepFolder::open(&path).unwrap_err().to_string();
        let this = format!("process {} on ", std::process::id());
        assert!(in_use.contains(&this) && in_use.ends_with(" works on this sweep"), "{in_use}");
        let record = folder.record().clone();
        drop(folder);
        let file = path.join(RECORD);
        let whole = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{whole}{{\"trial\":3,\"ru")).unwrap();
        assert_eq!(SweepRecord::read(&path).unwrap(), record);
        let (mut folder, tuning) = SweepFolder::open(&path).unwrap();
        assert_eq!((folder.record(), tuning.text()), (&record, TEXT));
        folder.add(result(3, 1, Some(0.5))).unwrap();
        assert_eq!(SweepRecord::read(&path).unwrap(), *folder.record());
        assert_eq!(folder.record().results.len(), 3);
    }

    #[test]
    fn what_is_not_a_sweep_or_damaged_is_refused() {
        let (runs, folder) = folder();
        let path = folder.path().to_owned();
        drop(folder);
        let tuning = Tuning::parse("two.toml", TEXT).unwrap();
        let started = SweepStarted::new(&tuning, true);
        let exists = SweepFolder::create(&path, &tuning, started).unwrap_err();
        assert!(matches!(exists, SweepFolderError::Exists { .. }), "{exists}");
        let other = SweepFolder::open(runs.path()).unwrap_err();
        assert!(matches!(other, SweepFolderError::NotASweep { .. }), "{other}");
        let file = path.join(RECORD);
        let whole = fs::read_to_string(&file).unwrap();
        for (text, message) in [
            (String::new(), "line 1: expected one, found none"),
            ("{}\n".into(), "line 1: missing field `format`"),
            (
                whole.replace("\"format\":1", "\"format\":2"),
                "line 1: expected a record of format 1, found 2",
            ),
            (format!("{whole}[]\n{whole}"), "line 2: "),
        ] {
            fs::write(&file, &text).unwrap();
            let error = SweepFolder::open(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn the_best_of_a_rung_are_in_the_next_and_what_is_not_finite_is_the_worst() {
        let (_runs, mut folder) = folder();
        let metrics = [(1, None), (2, Some(0.5)), (3, Some(0.75)), (4, Some(0.75))];
        metrics.iter().for_each(|&(trial, metric)| folder.add(result(trial, 1, metric)).unwrap());
        let record = folder.record();
        let numbers = |record: &SweepRecord| {
            record.ranked().iter().map(|result| result.trial).collect::<Vec<_>>()
        };
        assert_eq!(numbers(record), [3, 4, 2, 1]);
        assert_eq!([1, 2].map(|rung| record.trials_of(rung)), [vec![1, 2, 3, 4], vec![3, 4]]);
        assert!(record.has(1, 1) && !record.has(1, 2));
        folder.add(result(4, 2, Some(0.25))).unwrap();
        assert_eq!(numbers(folder.record()), [4, 3, 2, 1], "longer training counts more");
        let mut smaller = folder.record().clone();
        smaller.started.higher_is_better = false;
        assert_eq!(numbers(&smaller), [4, 2, 3, 1]);
    }
}
