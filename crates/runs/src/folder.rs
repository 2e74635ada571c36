//! The folder that keeps a run.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use events::Event;

use crate::experiment::Experiment;
use crate::saved::{SavedError, SavedModel};

/// A folder with `experiment.toml`, `events.jsonl`, networks on the way in `checkpoints/step-000600.safetensors` and
/// so on and, when the run has ended, `checkpoints/last.safetensors`.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    events: BufWriter<File>,
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
    /// It cannot be made or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// The network cannot be saved.
    #[error(transparent)]
    Saved(#[from] SavedError),
}

/// Where networks are saved, and how the names of those on the way begin and end.
const CHECKPOINTS: &str = "checkpoints";
const STEP: &str = "step-";
const ENDING: &str = ".safetensors";

impl RunFolder {
    /// The name of the saved network within the folder.
    pub const LAST: &str = "checkpoints/last.safetensors";

    /// Makes the folder `path`, which must not be there yet.
    ///
    /// # Errors
    ///
    /// [`RunFolderError::Exists`] if it is, else what the system says.
    pub fn create(path: &Path, experiment: &Experiment) -> Result<Self, RunFolderError> {
        let of = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| match error.kind() {
                io::ErrorKind::AlreadyExists => RunFolderError::Exists { path },
                _ => RunFolderError::Io { path, error },
            }
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(of(parent))?;
        }
        fs::create_dir(path).map_err(of(path))?;
        let file = |name: &str| path.join(name);
        let checkpoints = file(CHECKPOINTS);
        fs::create_dir(&checkpoints).map_err(of(&checkpoints))?;
        let text = file("experiment.toml");
        fs::write(&text, experiment.to_text()).map_err(of(&text))?;
        let events = file("events.jsonl");
        let events = BufWriter::new(File::create_new(&events).map_err(of(&events))?);
        Ok(Self { path: path.to_owned(), events })
    }

    /// Makes a folder in `runs` named after the experiment, with the next free number: `runs/softmax-3`.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
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

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event. Lines reach the disk with every event but single steps.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn record(&mut self, event: &Event) -> Result<(), RunFolderError> {
        let mut line = event.to_line();
        line.push('\n');
        let mut result = self.events.write_all(line.as_bytes());
        if !matches!(event, Event::StepFinished(_)) {
            result = result.and_then(|()| self.events.flush());
        }
        result.map_err(|error| RunFolderError::Io { path: self.path.join("events.jsonl"), error })
    }

    /// Saves the network.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn save(&self, model: &SavedModel) -> Result<(), RunFolderError> {
        model.write(&self.path.join(Self::LAST)).map_err(RunFolderError::Saved)
    }

    /// Saves the network as it is after `step`, beside those of other steps.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn save_step(&self, step: u64, model: &SavedModel) -> Result<(), RunFolderError> {
        let name = format!("{STEP}{step:06}{ENDING}");
        model.write(&self.path.join(CHECKPOINTS).join(name)).map_err(RunFolderError::Saved)
    }

    /// The checkpoints of the run in the folder `path`: the step of each and its file, in order.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment() -> Experiment {
        crate::presets::find("softmax").unwrap().experiment()
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
    fn networks_on_the_way_are_found_in_order() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder::create_next(runs.path(), &experiment()).unwrap();
        let parameters = vec![0.0; 7850];
        let model = SavedModel {
            experiment: experiment(),
            outputs: 10,
            parameters,
            running_statistics: Vec::new(),
        };
        for step in [600, 20, 1_200_000] {
            folder.save_step(step, &model).unwrap();
        }
        folder.save(&model).unwrap();
        fs::write(folder.path().join("checkpoints/step-x.safetensors"), "").unwrap();
        let found = RunFolder::checkpoints(folder.path());
        assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [20, 600, 1_200_000]);
        assert_eq!(SavedModel::read(&found[1].1).unwrap(), model);
        assert!(RunFolder::checkpoints(runs.path()).is_empty());
    }
}
