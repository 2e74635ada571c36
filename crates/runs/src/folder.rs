//! The folder of a run on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use events::{Event, LineLen, MAX_LINE, Reader, read_line};
use files::{TEMPORARY, sync_folder_of, write_whole, write_whole_with};

use crate::event_log::EventLog;
use crate::experiment::{Experiment, ExperimentError, PartRows};
use crate::folder_lock::{FolderLock, create_next, with_folder_mistakes};
use crate::mistake::{LAST, SavedError, SavedMistake};
use crate::state::TrainerState;

/// A folder with `experiment.toml`, `parts.csv` (which rows of the data are in which part), `events.jsonl`, the
/// checkpoints `checkpoints/step-000600.safetensors` and so on, `checkpoints/best.safetensors` and, when the run has ended, `checkpoints/last.safetensors`.
///
/// While this value exists, a locked file tells others that the run is in progress.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    events: EventLog,
    _lock: FolderLock,
}

/// The folder of a run that no process writes, held to resume it; see [`continue_after`](Self::continue_after).
#[derive(Debug)]
pub struct StoppedRun {
    path: PathBuf,
    experiment: Experiment,
    lock: FolderLock,
}

/// A checkpoint of a run: the state of the training, and with it a saved model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// After a step.
    Step(u64),
    /// At the best evaluation so far.
    Best,
    /// At the end.
    Last,
}

impl Checkpoint {
    /// Its file in a run directory.
    pub fn file(self, run: &Path) -> PathBuf {
        let name = match self {
            Self::Step(step) => format!("{STEP}{step:06}{ENDING}"),
            Self::Best => format!("best{ENDING}"),
            Self::Last => return run.join(LAST),
        };
        run.join(CHECKPOINTS).join(name)
    }
}

/// Why a run folder cannot be made, written or resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFolderError {
    /// It exists. A run is never overwritten.
    #[error(
        "{}: expected a folder that does not exist yet, found one: a run is never overwritten",
        path.display()
    )]
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
    /// It cannot be made or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// The checkpoint cannot be saved.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The experiment of the run cannot be read.
    #[error("{}", path.display())]
    Experiment {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: Box<ExperimentError>,
    },
    /// Another process writes the run.
    #[error("{}: {holder} is training this run; stop it first", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, and where it runs.
        holder: String,
    },
    /// The run was ended before it saved anything.
    #[error("{}: expected a run with a checkpoint, found none; start it again", path.display())]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
    },
    /// There is no checkpoint of the step that was asked for.
    #[error(
        "{}: no checkpoint of step {step}; there are those of steps {}", path.display(), list(found)
    )]
    NoStep {
        /// The folder.
        path: PathBuf,
        /// The step.
        step: u64,
        /// The steps that there are.
        found: Vec<u64>,
    },
    /// A checkpoint cannot be used.
    #[error("{}", damaged(*before))]
    Damaged {
        /// The step of the newest one before it that can.
        before: Option<u64>,
        /// What is wrong with it.
        #[source]
        error: SavedError,
    },
}

fn damaged(before: Option<u64>) -> String {
    let before = before.map_or("there is none before it".to_owned(), |step| {
        format!("the one before it is of step {step}")
    });
    format!("the checkpoint cannot be used, and {before}")
}

fn list(steps: &[u64]) -> String {
    steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Where checkpoints are, and how the names of those of steps begin and end.
const CHECKPOINTS: &str = "checkpoints";
const STEP: &str = "step-";
const ENDING: &str = ".safetensors";
const EVENTS: &str = "events.jsonl";
const EXPERIMENT: &str = "experiment.toml";
const PARTS: &str = "parts.csv";
/// Checkpoints of steps that are kept besides the newest.
const KEPT: usize = 10;

with_folder_mistakes!(RunFolderError);

fn failed(path: &Path, error: io::Error) -> RunFolderError {
    RunFolderError::Io { path: path.to_owned(), error }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), RunFolderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

impl RunFolder {
    /// The name of the final model within the folder.
    pub const LAST: &str = LAST;
    /// Bytes of a log that are read at most: more than a run writes.
    pub const MAX_LOG: u64 = 4 << 30;

    /// Makes the folder `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// [`RunFolderError::Exists`] if it exists, [`RunFolderError::NotAFolder`] if a file is in its way, else what the
    /// system reports.
    pub fn create(path: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        let lock = FolderLock::create(path)?;
        let fill = || {
            fs::create_dir(path.join(CHECKPOINTS))?;
            write_whole(&path.join(EXPERIMENT), experiment.to_text().as_bytes())?;
            File::create_new(path.join(EVENTS))
        };
        let events = EventLog::new(fill().map_err(|error| failed(path, error))?);
        Ok(Self { path: path.to_owned(), events, _lock: lock })
    }

    /// As [`create`](Self::create), errors included, in `runs`: named after the experiment, with the next free number
    /// (`runs/softmax-3`).
    pub fn create_next(runs: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        let is_taken = |error: &RunFolderError| matches!(error, RunFolderError::Exists { .. });
        create_next(runs, &experiment.name, |path| Self::create(path, experiment), is_taken)
    }

    /// Whether a process writes the run in the folder `path`; `None` if that is not known.
    pub fn is_in_use(path: &Path) -> Option<bool> {
        FolderLock::is_held(path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event. Lines reach the disk with every event but single steps.
    ///
    /// # Errors
    ///
    /// What the system reports. What is not written yet is written with what comes next.
    pub fn record(&mut self, event: &Event) -> Result<(), RunFolderError> {
        self.events.record(event).map_err(|error| failed(&self.path.join(EVENTS), error))
    }

    /// Whether every event has been written.
    pub fn is_log_written(&self) -> bool {
        self.events.is_written()
    }

    /// Writes `parts.csv`: which rows of the data are in which part, see [`PartRows`].
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn write_parts(&self, rows: &PartRows) -> Result<(), RunFolderError> {
        let path = self.path.join(PARTS);
        let written = write_whole_with(&path, |to| write!(to, "{rows}"));
        written.map_err(|error| failed(&path, error))
    }

    /// Saves a checkpoint, when all events up to it are recorded: they reach the disk before it does, if they can be
    /// written. For the last one whatever is missing of the folder is made again: nothing else has the result of the run.
    ///
    /// # Errors
    ///
    /// What the system reports. Then what was there before is still there.
    pub fn save(&mut self, name: Checkpoint, state: &TrainerState) -> Result<(), RunFolderError> {
        // Whoever recorded the events knows whether some wait.
        let _ = self.events.flush().and_then(|()| self.events.sync());
        if name == Checkpoint::Last {
            let checkpoints = self.path.join(CHECKPOINTS);
            fs::create_dir_all(&checkpoints).map_err(|error| failed(&checkpoints, error))?;
            // They may take the place that the model needs, and need not.
            let _ = remove_temporaries(&checkpoints);
        }
        Ok(state.write(name.file(&self.path))?)
    }

    /// Makes the experiment and the log again, at the end of a run, if somebody has removed them. Returns whether all of the
    /// folder was there.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn make_again(&mut self, experiment: &Experiment) -> Result<bool, RunFolderError> {
        let names = [EXPERIMENT, EVENTS, PARTS];
        let is_whole = names.iter().all(|name| self.path.join(name).exists());
        let file = self.path.join(EXPERIMENT);
        if !file.exists() {
            let written = write_whole(&file, experiment.to_text().as_bytes());
            written.map_err(|error| failed(&file, error))?;
        }
        let file = self.path.join(EVENTS);
        if !file.exists() {
            self.events.begin_again(File::create(&file).map_err(|error| failed(&file, error))?);
        }
        Ok(is_whole)
    }

    /// Removes checkpoints of steps but the `newest` and, of the older ones, an even choice of ten.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn thin(&self, newest: usize) -> Result<(), RunFolderError> {
        let mut steps = Self::checkpoints(&self.path);
        steps.truncate(steps.len().saturating_sub(newest));
        while steps.len() > KEPT {
            // The first is the beginning. Of the others, the one whose neighbours are nearest to each other.
            let distance = |at: &usize| match steps.get(at + 1) {
                Some((next, _)) => next - steps[at - 1].0,
                None => u64::MAX,
            };
            let at = (1..steps.len()).min_by_key(distance).expect("more than ten");
            remove(&steps.remove(at).1)?;
        }
        Ok(())
    }

    /// The checkpoints of steps in the folder `path`: the step of each and its file, in order.
    pub fn checkpoints(path: &Path) -> Vec<(u64, PathBuf)> {
        let entries = fs::read_dir(path.join(CHECKPOINTS)).into_iter().flatten();
        let step_of = |path: &Path| -> Option<u64> {
            path.file_name()?.to_str()?.strip_prefix(STEP)?.strip_suffix(ENDING)?.parse().ok()
        };
        let paths =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file());
        let mut found: Vec<_> = paths.filter_map(|path| Some((step_of(&path)?, path))).collect();
        found.sort();
        found
    }

    /// The experiment of the run in the folder `path`.
    ///
    /// # Errors
    ///
    /// What the system reports, or what is wrong with the file.
    pub fn experiment(path: &Path) -> Result<Experiment, RunFolderError> {
        let file = path.join(EXPERIMENT);
        let bytes = Experiment::read_bytes(&file).map_err(|error| failed(&file, error))?;
        let text = Experiment::decode(EXPERIMENT, bytes);
        let experiment = text.and_then(|text| Experiment::parse(EXPERIMENT, &text));
        experiment.map_err(|error| RunFolderError::Experiment {
            path: path.to_owned(),
            error: Box::new(error),
        })
    }

    /// The log of the run in the folder `path`, up to [`MAX_LOG`](Self::MAX_LOG).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn log(path: &Path) -> io::Result<Reader<impl BufRead>> {
        let log = files::open(path.join(EVENTS))?;
        Ok(Reader::new(BufReader::new(log).take(Self::MAX_LOG)))
    }

    /// When the log of the run in the folder `path` was written last.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn changed(path: &Path) -> io::Result<SystemTime> {
        fs::metadata(path.join(EVENTS))?.modified()
    }

    /// The state of the run in the folder `path` after `step`, or the newest one, with the experiment of the folder: the
    /// run may have been lengthened since.
    ///
    /// # Errors
    ///
    /// [`RunFolderError::NoStep`] with the steps that there are, [`RunFolderError::NoCheckpoint`] if there are none, and
    /// [`RunFolderError::Damaged`] for a checkpoint that cannot be used, with the newest one before it that can.
    pub fn state(path: &Path, step: Option<u64>) -> Result<TrainerState, RunFolderError> {
        let experiment = Self::experiment(path)?;
        let read = |file: &Path, step| read_checkpoint(file, step, &experiment);
        let steps = Self::checkpoints(path);
        let named = [Checkpoint::Last, Checkpoint::Best].map(|name| name.file(path));
        let at = match step {
            None if named[0].exists() => Some(steps.len()),
            None => steps.len().checked_sub(1),
            Some(step) => steps.iter().position(|(other, _)| *other == step),
        };
        if let Some(at) = at {
            let (step, file) = match steps.get(at) {
                Some((step, file)) => (Some(*step), file),
                None => (None, &named[0]),
            };
            return read(file, step).map_err(|error| {
                let mut earlier = steps[..at].iter().rev();
                let whole = earlier.find(|(step, file)| read(file, Some(*step)).is_ok());
                RunFolderError::Damaged { before: whole.map(|(step, _)| *step), error }
            });
        }
        let mut states: Vec<_> = named.iter().filter_map(|file| read(file, None).ok()).collect();
        let Some(step) = step else {
            return Err(RunFolderError::NoCheckpoint { path: path.to_owned() });
        };
        if let Some(at) = states.iter().position(|state| state.progress.step == step) {
            return Ok(states.swap_remove(at));
        }
        let of_steps = steps.iter().map(|(step, _)| *step);
        let mut found: Vec<u64> =
            states.iter().map(|state| state.progress.step).chain(of_steps).collect();
        found.sort_unstable();
        found.dedup();
        Err(RunFolderError::NoStep { path: path.to_owned(), step, found })
    }
}

impl StoppedRun {
    /// Holds the run in the folder `path`, in which nothing changes until it continues.
    ///
    /// # Errors
    ///
    /// If there is none, or another process writes it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RunFolderError> {
        let path = path.as_ref();
        let experiment = RunFolder::experiment(path)?;
        Ok(Self { path: path.to_owned(), experiment, lock: FolderLock::take(path)? })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The experiment of the run.
    pub fn experiment(&self) -> &Experiment {
        &self.experiment
    }

    /// The state after `step`, or the newest one: see [`RunFolder::state`], errors included.
    pub fn state(&self, step: Option<u64>) -> Result<TrainerState, RunFolderError> {
        RunFolder::state(&self.path, step)
    }

    /// Whether the log says that the run has ended: a process may be killed after the last step and before that.
    pub fn has_ended(&self) -> bool {
        let end = end_of_log(&self.path.join(EVENTS)).unwrap_or_default();
        let last = end.strip_suffix(b"\n").and_then(|end| end.rsplit(|&byte| byte == b'\n').next());
        last.is_some_and(|line| matches!(Event::all_of(line).last(), Some(Event::RunFinished(_))))
    }

    /// Continues after `step`: removes later checkpoints and later lines of the log, and temporary files.
    ///
    /// # Errors
    ///
    /// What the system reports. Then the run can still be resumed.
    pub fn continue_after(
        self,
        step: u64,
        experiment: &Experiment,
    ) -> Result<RunFolder, RunFolderError> {
        let Self { path, lock, .. } = self;
        let folder = path.join(CHECKPOINTS);
        fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
        remove_temporaries(&folder)?;
        // The newest goes first, so that whatever is left is the beginning of the run at any moment.
        let last = Checkpoint::Last.file(&path);
        match TrainerState::read(&last) {
            // The end of a run is a step of one that continues.
            Ok(state) if state.progress.step == step => {
                let file = Checkpoint::Step(step).file(&path);
                fs::rename(&last, file).map_err(|error| failed(&last, error))?;
            }
            _ => remove(&last)?,
        }
        for (later, file) in RunFolder::checkpoints(&path).into_iter().rev() {
            if later > step {
                remove(&file)?;
            }
        }
        let best = Checkpoint::Best.file(&path);
        if TrainerState::read(&best).is_ok_and(|state| state.progress.step > step) {
            remove(&best)?;
        }
        sync_folder_of(&last);
        let file = path.join(EXPERIMENT);
        write_whole(&file, experiment.to_text().as_bytes())
            .map_err(|error| failed(&file, error))?;
        let log = path.join(EVENTS);
        let events = continued_log(&log, step).map_err(|error| failed(&log, error))?;
        Ok(RunFolder { path, events: EventLog::new(events), _lock: lock })
    }
}

/// Removes what is left in a folder of files that were being written.
fn remove_temporaries(folder: &Path) -> Result<(), RunFolderError> {
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))?.flatten() {
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The state in a file of a run with this experiment, which may have another length by now; after `step`, if the name of
/// the file says so.
fn read_checkpoint(
    file: &Path,
    step: Option<u64>,
    experiment: &Experiment,
) -> Result<TrainerState, SavedError> {
    let mut state = TrainerState::read(file)?;
    let of_file = |mistake| SavedError { file: file.to_owned(), mistake };
    let found = state.progress.step;
    if let Some(expected) = step.filter(|step| *step != found) {
        return Err(of_file(SavedMistake::OtherStep { found, expected }));
    }
    let found = &state.trained.experiment;
    let mut differences = experiment.differences(found);
    differences.retain(|difference| !difference.may_change());
    if !differences.is_empty() {
        return Err(of_file(SavedMistake::OtherRun { differences }));
    }
    state.trained.experiment = experiment.clone();
    Ok(state)
}

/// The last line of a log, unless it is longer than events are, and what is before it.
fn end_of_log(path: &Path) -> io::Result<Vec<u8>> {
    let mut log = files::open(path)?;
    let len = log.metadata()?.len();
    log.seek(SeekFrom::Start(len.saturating_sub(MAX_LINE as u64)))?;
    let mut end = Vec::new();
    log.take(MAX_LINE as u64).read_to_end(&mut end)?;
    Ok(end)
}

/// The log of a run, without the lines after `step`, and without a line that was cut.
fn continued_log(path: &Path, step: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    let log = files::open_to_write(path, options)?;
    let len = log.metadata()?.len();
    if len > RunFolder::MAX_LOG {
        let most = RunFolder::MAX_LOG;
        return Err(io::Error::other(format!("expected at most {most} bytes, found {len}")));
    }
    let mut log = BufReader::new(log);
    let (mut kept, mut line) = (0, Vec::new());
    loop {
        kept += match read_line(&mut log, &mut line)? {
            LineLen { is_whole: false, .. } => break,
            _ if Event::all_of(&line).any(|event| event.step() > step) => break,
            LineLen { bytes, .. } => bytes,
        };
    }
    let file = log.into_inner();
    file.set_len(kept)?;
    files::open_to_write(path, OpenOptions::new().append(true))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use events::Metrics;

    use crate::folder_lock::LOCK;
    use crate::saved::SavedModel;
    use crate::state::TrainingProgress;
    use crate::testing::of_bytes;

    use super::*;

    fn experiment() -> Experiment {
        crate::presets::find("softmax").unwrap().experiment()
    }

    fn folder() -> (tempfile::TempDir, RunFolder) {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create_next(runs.path(), &experiment()).unwrap();
        (runs, folder)
    }

    #[test]
    fn names_count_up_and_a_folder_is_never_overwritten() {
        let runs = tempfile::tempdir().unwrap();
        for name in ["softmax-1", "softmax-2"] {
            let folder = RunFolder::create_next(runs.path(), &experiment()).unwrap();
            assert_eq!(folder.path(), runs.path().join(name));
        }
        let error = RunFolder::create(&runs.path().join("softmax-1"), &experiment()).unwrap_err();
        assert!(matches!(error, RunFolderError::Exists { .. }), "{error}");
        let written = fs::read_to_string(runs.path().join("softmax-1/experiment.toml")).unwrap();
        assert_eq!(Experiment::parse("experiment.toml", &written).unwrap(), experiment());
    }

    fn state(step: u64) -> TrainerState {
        let experiment = experiment();
        let parameters = vec![step as f32; 7850];
        let transforms = of_bytes(&[28, 28, 1], 10);
        let trained =
            SavedModel { experiment, transforms, parameters, running_statistics: Vec::new() };
        let progress = TrainingProgress {
            step,
            first_step: 0,
            learning_rate: None,
            metrics: Metrics::new(f64::NAN),
            best: BTreeMap::new(),
            stagnation: Default::default(),
            train_secs: 0.1,
            wall_secs: 0.2,
            isa: "avx2".into(),
            data: Vec::new(),
            start: None,
            fork_of: None,
        };
        TrainerState { trained, averaged: None, vectors: BTreeMap::new(), progress }
    }

    fn steps(folder: &RunFolder) -> Vec<u64> {
        RunFolder::checkpoints(folder.path()).into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn checkpoints_of_steps_are_found_in_order_and_are_models() {
        let (runs, mut folder) = folder();
        for step in [600, 20, 1_200_000] {
            folder.save(Checkpoint::Step(step), &state(step)).unwrap();
        }
        folder.save(Checkpoint::Last, &state(7)).unwrap();
        fs::write(folder.path().join("checkpoints/step-x.safetensors"), "").unwrap();
        let found = RunFolder::checkpoints(folder.path());
        assert_eq!(steps(&folder), [20, 600, 1_200_000]);
        assert_eq!(SavedModel::read(&found[1].1).unwrap(), state(600).trained);
        assert_eq!(SavedModel::read(folder.path()).unwrap(), state(7).trained);
        assert!(RunFolder::checkpoints(runs.path()).is_empty());
        let read = |step| RunFolder::state(folder.path(), step).map(|state| state.progress.step);
        assert_eq!([None, Some(20), Some(7)].map(|step| read(step).unwrap()), [7, 20, 7]);
        let error = read(Some(8)).unwrap_err().to_string();
        assert!(
            error
                .ends_with("no checkpoint of step 8; there are those of steps 7, 20, 600, 1200000")
        );
    }

    #[test]
    fn the_newest_checkpoints_and_an_even_choice_of_the_others_are_kept() {
        let (_runs, mut folder) = folder();
        for step in 0..100 {
            folder.save(Checkpoint::Step(step), &state(step)).unwrap();
            folder.thin(3).unwrap();
        }
        let kept = steps(&folder);
        assert_eq!((kept.len(), kept[0], &kept[10..]), (13, 0, &[97, 98, 99][..]));
        let apart = kept[..10].windows(2).map(|pair| pair[1] - pair[0]);
        assert!(apart.clone().max() <= Some(3 * apart.min().unwrap()), "{kept:?}");
    }

    #[test]
    fn a_run_that_continues_has_nothing_of_what_came_after_its_checkpoint() {
        let (_runs, mut folder) = folder();
        let path = folder.path().to_owned();
        let paused = |step| Event::Paused(events::Paused { step });
        for step in [10, 20, 30] {
            folder.record(&paused(step)).unwrap();
            folder.save(Checkpoint::Step(step), &state(step)).unwrap();
        }
        folder.save(Checkpoint::Best, &state(30)).unwrap();
        folder.save(Checkpoint::Last, &state(30)).unwrap();
        assert!(matches!(StoppedRun::open(&path), Err(RunFolderError::InUse { .. })));
        drop(folder);
        let mut log = OpenOptions::new().append(true).open(path.join(EVENTS)).unwrap();
        log.write_all(b"{\"event\":\"paus").unwrap();
        fs::write(path.join("checkpoints/step-000040.safetensors.tmp"), "half").unwrap();
        let whole = fs::read_to_string(path.join(EVENTS)).unwrap();

        let folder = StoppedRun::open(&path).unwrap().continue_after(30, &experiment()).unwrap();
        assert_eq!(steps(&folder), [10, 20, 30]);
        assert!(!path.join(LAST).exists() && Checkpoint::Best.file(&path).exists());
        drop(folder);
        let mut longer = experiment();
        longer.train.checkpoints = 5;
        let mut folder = StoppedRun::open(&path).unwrap().continue_after(20, &longer).unwrap();
        assert_eq!(steps(&folder), [10, 20]);
        assert!(!Checkpoint::Best.file(&path).exists());
        folder.record(&paused(21)).unwrap();
        drop(folder);
        let lines = |text: &str, n: usize| text.lines().take(n).collect::<Vec<_>>().join("\n");
        let found = fs::read_to_string(path.join(EVENTS)).unwrap();
        assert_eq!(found, lines(&whole, 2) + "\n" + &paused(21).to_line() + "\n");
        assert_eq!(StoppedRun::open(&path).unwrap().experiment().train.checkpoints, 5);
        assert_eq!(fs::read_dir(path.join(CHECKPOINTS)).unwrap().count(), 2);
    }

    #[test]
    fn a_damaged_checkpoint_is_named_with_the_one_before_it() {
        let (_runs, mut folder) = folder();
        let path = folder.path().to_owned();
        for step in [10, 20, 30] {
            folder.save(Checkpoint::Step(step), &state(step)).unwrap();
        }
        let damage = |step: u64| {
            let file = Checkpoint::Step(step).file(&path);
            let mut bytes = fs::read(&file).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
        };
        let error = || diagnostics::chain(&RunFolder::state(&path, None).unwrap_err());
        damage(30);
        let message = error();
        let begin = "the checkpoint cannot be used, and the one before it is of step 20: ";
        let end = "step-000030.safetensors: tensor 2.linear.weight is damaged: it does not have the checksum that was written with it";
        assert!(message.starts_with(begin) && message.ends_with(end), "{message}");
        damage(20);
        assert!(error().contains("the one before it is of step 10"));
        let mut other = state(10);
        other.trained.experiment.train.batch = 7;
        folder.save(Checkpoint::Step(10), &other).unwrap();
        assert!(error().contains("and there is none before it"));
        let message = diagnostics::chain(&RunFolder::state(&path, Some(10)).unwrap_err());
        let end = "expected a checkpoint of this run, found one of another\n  train.batch: 100 → 7";
        assert!(message.ends_with(end), "{message}");
        folder.save(Checkpoint::Step(50), &state(40)).unwrap();
        let message = error();
        let end = "expected the state after step 50, as its name says, found that after step 40";
        assert!(message.ends_with(end), "{message}");
    }

    #[test]
    fn a_run_that_was_lengthened_stays_so_before_its_next_checkpoint() {
        let (_runs, mut folder) = folder();
        let path = folder.path().to_owned();
        folder.save(Checkpoint::Step(10), &state(10)).unwrap();
        drop(folder);
        let mut longer = experiment();
        longer.train.steps = Some(12_345);
        drop(StoppedRun::open(&path).unwrap().continue_after(10, &longer).unwrap());
        let state = RunFolder::state(&path, None).unwrap();
        assert_eq!(state.experiment().train.steps, Some(12_345));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("runs");
        fs::write(&file, "").unwrap();
        for runs in [&file, &file.join("mine")] {
            let error = RunFolder::create_next(runs, &experiment()).unwrap_err();
            let expected = format!("{}: expected a folder, found a file", file.display());
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn others_can_tell_whether_a_run_is_in_use() {
        let (_runs, folder) = folder();
        let path = folder.path().to_owned();
        assert_eq!(RunFolder::is_in_use(&path), Some(true));
        // As after a kill: the file stays, its lock is gone.
        fs::copy(path.join(LOCK), path.join("copy")).unwrap();
        drop(folder);
        assert_eq!(RunFolder::is_in_use(&path), None);
        fs::rename(path.join("copy"), path.join(LOCK)).unwrap();
        assert_eq!(RunFolder::is_in_use(&path), Some(false));
    }
}
