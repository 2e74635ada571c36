//! The folder of a run on disk.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use events::Event;

use crate::experiment::Experiment;
use crate::parts::PartRows;
use crate::saved::{LAST, SavedError, SavedModel};

/// A folder with `experiment.toml`, `parts.csv` (which rows of the data are in which part), `events.jsonl`, models of
/// earlier steps in `checkpoints/step-000600.safetensors` and so on and, when the run has ended,
/// `checkpoints/last.safetensors`.
///
/// While this value exists, a locked file tells others that the run is in progress.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    events: BufWriter<File>,
    /// Locked until this process has written the run. The system unlocks it even if the process is killed.
    _lock: File,
}

/// Why a run folder cannot be made or written.
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
    /// The model cannot be saved.
    #[error(transparent)]
    Saved(#[from] SavedError),
}

/// Where models are saved, and how the names of those of earlier steps begin and end.
const CHECKPOINTS: &str = "checkpoints";
const STEP: &str = "step-";
const ENDING: &str = ".safetensors";
/// The file that the process which writes the run has locked. A file of its own: Windows lets nobody read a locked one.
const LOCK: &str = "lock";
const EVENTS: &str = "events.jsonl";

impl RunFolder {
    /// The name of the final model within the folder.
    pub const LAST: &str = LAST;

    /// Makes the folder `path`, which must not exist.
    ///
    /// # Errors
    ///
    /// [`RunFolderError::Exists`] if it exists, [`RunFolderError::NotAFolder`] if a file is in its way, else what the
    /// system reports.
    pub fn create(path: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        let failed = |path: &Path, error| RunFolderError::Io { path: path.to_owned(), error };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| match file_above(parent) {
                Some(path) => RunFolderError::NotAFolder { path },
                None => failed(parent, error),
            })?;
        }
        fs::create_dir(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RunFolderError::Exists { path: path.to_owned() },
            _ => failed(path, error),
        })?;
        let fill = || {
            fs::create_dir(path.join(CHECKPOINTS))?;
            fs::write(path.join("experiment.toml"), experiment.to_text())?;
            let events = BufWriter::new(File::create_new(path.join(EVENTS))?);
            let lock = File::create_new(path.join(LOCK))?;
            // Not every file system has locks. Without one, readers cannot tell an idle run from one that was killed.
            let _ = lock.lock();
            Ok(Self { path: path.to_owned(), events, _lock: lock })
        };
        fill().map_err(|error| failed(path, error))
    }

    /// As [`create`](Self::create), errors included, in `runs`: named after the experiment, with the next free number
    /// (`runs/softmax-3`).
    pub fn create_next(runs: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        let mut number = 1;
        loop {
            // Two runs that start at once both try: making a folder succeeds for one of them.
            match Self::create(&runs.join(format!("{}-{number}", experiment.name)), experiment) {
                Err(RunFolderError::Exists { .. }) => number += 1,
                other => return other,
            }
        }
    }

    /// Whether a process writes the run in the folder `path`; `None` if that is not known.
    pub fn is_in_use(path: &Path) -> Option<bool> {
        let lock = File::open(path.join(LOCK)).ok()?;
        match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event. Lines reach the disk with every event but single steps.
    ///
    /// # Errors
    ///
    /// What the system reports. A line that cannot be written whole is written with the next one or not at all.
    pub fn record(&mut self, event: &Event) -> Result<(), RunFolderError> {
        let line = event.to_line() + "\n";
        let written = match event {
            Event::StepFinished(_) => self.events.write_all(line.as_bytes()),
            _ => self.events.write_all(line.as_bytes()).and_then(|()| self.events.flush()),
        };
        written.map_err(|error| RunFolderError::Io { path: self.path.join(EVENTS), error })
    }

    /// Writes `parts.csv`: which rows of the data are in which part, see [`PartRows::to_csv`].
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn write_parts(&self, rows: &PartRows) -> Result<(), RunFolderError> {
        let path = self.path.join("parts.csv");
        fs::write(&path, rows.to_csv()).map_err(|error| RunFolderError::Io { path, error })
    }

    /// Saves the model as it is after `step`, beside those of other steps, or without a step the final one.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn save(&self, step: Option<u64>, model: &SavedModel) -> Result<(), RunFolderError> {
        let last = || self.path.join(Self::LAST);
        Ok(model.write(step.map_or_else(last, |step| self.checkpoint(step)))?)
    }

    /// Removes the model of `step`, if it was saved.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn remove_step(&self, step: u64) -> Result<(), RunFolderError> {
        let path = self.checkpoint(step);
        let removed = fs::remove_file(&path);
        let failure = removed.err().filter(|error| error.kind() != io::ErrorKind::NotFound);
        failure.map_or(Ok(()), |error| Err(RunFolderError::Io { path, error }))
    }

    fn checkpoint(&self, step: u64) -> PathBuf {
        self.path.join(CHECKPOINTS).join(format!("{STEP}{step:06}{ENDING}"))
    }

    /// The models that the run in the folder `path` saved before its end: the step of each and its file, in order.
    pub fn checkpoints(path: &Path) -> Vec<(u64, PathBuf)> {
        let entries = fs::read_dir(path.join(CHECKPOINTS)).into_iter().flatten();
        let step_of = |path: &Path| -> Option<u64> {
            path.file_name()?.to_str()?.strip_prefix(STEP)?.strip_suffix(ENDING)?.parse().ok()
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut found: Vec<_> = paths.filter_map(|path| Some((step_of(&path)?, path))).collect();
        found.sort();
        found
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // A run that has ended needs no lock file; if it stays, it is not locked.
        let _ = fs::remove_file(self.path.join(LOCK));
    }
}

/// What stands where `path` or a folder above it is wanted, and is not one.
fn file_above(path: &Path) -> Option<PathBuf> {
    let found = path.ancestors().find(|path| path.exists())?;
    (!found.is_dir()).then(|| found.to_owned())
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn models_of_earlier_steps_are_found_in_order() {
        let (runs, folder) = folder();
        let (experiment, parameters) = (experiment(), vec![0.0; 7850]);
        let model = SavedModel { experiment, parameters, running_statistics: Vec::new() };
        for step in [600, 20, 1_200_000] {
            folder.save(Some(step), &model).unwrap();
        }
        folder.save(None, &model).unwrap();
        fs::write(folder.path().join("checkpoints/step-x.safetensors"), "").unwrap();
        let found = RunFolder::checkpoints(folder.path());
        assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [20, 600, 1_200_000]);
        assert_eq!(SavedModel::read(&found[1].1).unwrap(), model);
        assert!(RunFolder::checkpoints(runs.path()).is_empty());
        for step in [20, 21] {
            folder.remove_step(step).unwrap();
        }
        assert_eq!(RunFolder::checkpoints(folder.path()).len(), 2);
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
