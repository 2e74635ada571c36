//! The runs that the studio shows.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use diagnostics::chain;
use runs::{Experiment, ExperimentError, RunFolder, SavedModel, Split};

use crate::OpenData;
use crate::live::{LiveRun, ModelAtStep};
use crate::log::{Lines, RunLog};
use crate::summary::{RunState, RunSummary};

/// Runs that are kept open: each holds the index of its log, a few MB for a run of a million steps.
const MOST_OPEN: usize = 16;

/// The runs in some folders.
///
/// A request names a run by its id, which is looked up here: no request names a path.
#[derive(Debug)]
pub(crate) struct Library {
    roots: Vec<PathBuf>,
    live: Option<LiveRun>,
    open_data: OpenData,
    /// What is known of finished runs. A run in progress may end without a further byte.
    rows: Mutex<HashMap<PathBuf, (Stamp, RunSummary)>>,
    /// The runs that were opened, the latest last.
    open: Mutex<Vec<Arc<OpenRun>>>,
}

/// By what one sees that a run has changed.
type Stamp = (Option<SystemTime>, u64);

/// A run that someone looks at.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) id: String,
    folder: PathBuf,
    log: Mutex<RunLog>,
    data: Mutex<Option<Arc<Split>>>,
    open_data: OpenData,
    /// The saved network that was read last, and its file.
    last_read: Mutex<Option<(PathBuf, ModelAtStep)>>,
}

impl Library {
    pub(crate) fn new(roots: Vec<PathBuf>, live: Option<LiveRun>, open_data: OpenData) -> Self {
        Self { roots, live, open_data, rows: Mutex::default(), open: Mutex::default() }
    }

    /// The run in progress in this process, and its id.
    pub(crate) fn live(&self) -> Option<(String, &LiveRun)> {
        let live = self.live.as_ref()?;
        let id = self.folders().into_iter().find(|(_, folder)| folder == live.folder())?.0;
        Some((id, live))
    }

    /// Every folder that may be a run, with its id: the name of the folder, and a number if there are several of one
    /// name.
    fn folders(&self) -> Vec<(String, PathBuf)> {
        let mut folders = Vec::new();
        for root in &self.roots {
            if is_run(root) {
                folders.push(root.clone());
            } else if let Ok(entries) = fs::read_dir(root) {
                let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
                let mut inside: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
                inside.sort();
                folders.extend(inside);
            }
        }
        folders.dedup();
        let mut taken: HashMap<String, usize> = HashMap::new();
        let named = folders.into_iter().map(|folder| {
            let name = name_of(&folder);
            let count = taken.entry(name.clone()).or_default();
            *count += 1;
            let id = if *count == 1 { name } else { format!("{name}~{count}") };
            (id, folder)
        });
        named.collect()
    }

    /// A row for each run, the one written last first.
    pub(crate) fn rows(&self) -> Vec<RunSummary> {
        let mut known = lock(&self.rows);
        let live = self.live.as_ref().map(LiveRun::folder);
        let mut rows: Vec<RunSummary> = self
            .folders()
            .into_iter()
            .map(|(id, folder)| {
                let stamp = stamp(&folder);
                match known.get(&folder) {
                    Some((old, row)) if *old == stamp && row.id == id => row.clone(),
                    _ => {
                        let row = RunSummary::read(&id, &folder, live == Some(&*folder));
                        if row.state != RunState::Running {
                            known.insert(folder, (stamp, row.clone()));
                        }
                        row
                    }
                }
            })
            .collect();
        rows.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.id.cmp(&b.id)));
        rows
    }

    /// The run called `id`, if there is one.
    pub(crate) fn open(&self, id: &str) -> Option<Arc<OpenRun>> {
        let mut open = lock(&self.open);
        let found = match open.iter().position(|run| run.id == id) {
            Some(at) => open.remove(at),
            None => {
                let (id, folder) = self.folders().into_iter().find(|(other, _)| other == id)?;
                Arc::new(OpenRun { id, ..OpenRun::at(&folder, self.open_data) })
            }
        };
        open.push(Arc::clone(&found));
        if open.len() > MOST_OPEN {
            open.remove(0);
        }
        Some(found)
    }

    /// The way to the trainer of `run`, if it is in progress in this process.
    pub(crate) fn trainer_of(&self, run: &OpenRun) -> Option<&LiveRun> {
        self.live.as_ref().filter(|live| live.folder() == run.folder)
    }
}

impl OpenRun {
    /// The run in a folder, by whose name it is called.
    pub(crate) fn at(folder: &Path, open_data: OpenData) -> Self {
        Self {
            id: name_of(folder),
            folder: folder.to_owned(),
            log: Mutex::new(RunLog::new(folder.join("events.jsonl"))),
            data: Mutex::default(),
            open_data,
            last_read: Mutex::default(),
        }
    }

    /// The index of the log.
    pub(crate) fn log(&self) -> MutexGuard<'_, RunLog> {
        lock(&self.log)
    }

    /// The lines that show the whole run so far.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub(crate) fn history(&self) -> std::io::Result<Lines> {
        let mut log = self.log();
        log.refresh()?;
        log.history()
    }

    /// What the run was to do.
    ///
    /// # Errors
    ///
    /// If the file is not there or wrong.
    pub(crate) fn experiment(&self) -> Result<Experiment, String> {
        let text = fs::read_to_string(self.folder.join("experiment.toml"));
        let text = text.map_err(|error| format!("experiment.toml: {error}"))?;
        Experiment::parse("experiment.toml", &text).map_err(|error| chain(&error))
    }

    /// The data of the run. Read once, and kept as long as the run is open.
    ///
    /// # Errors
    ///
    /// If they cannot be read any more.
    pub(crate) fn data(&self) -> Result<Arc<Split>, String> {
        let mut data = lock(&self.data);
        if let Some(split) = &*data {
            return Ok(Arc::clone(split));
        }
        let open: Result<Split, ExperimentError> = (self.open_data)(&self.experiment()?.data);
        let split = Arc::new(open.map_err(|error| chain(&error))?);
        *data = Some(Arc::clone(&split));
        Ok(split)
    }

    /// The steps at which the network was saved, in order.
    pub(crate) fn saved_steps(&self) -> Vec<u64> {
        self.files().into_iter().map(|(step, _)| step).collect()
    }

    /// The saved network that is nearest to `step`, the last one if none is given.
    ///
    /// # Errors
    ///
    /// If there is none, or it is damaged.
    pub(crate) fn saved(&self, step: Option<u64>) -> Result<ModelAtStep, String> {
        let files = self.files();
        let wanted = step.unwrap_or(u64::MAX);
        let nearest = files.into_iter().min_by_key(|(step, _)| step.abs_diff(wanted));
        let (step, file) = nearest.ok_or("no network was saved")?;
        let mut last = lock(&self.last_read);
        if let Some((path, snapshot)) = &*last
            && *path == file
        {
            return Ok(snapshot.clone());
        }
        let model = Arc::new(SavedModel::read(&file).map_err(|error| chain(&error))?);
        let snapshot = ModelAtStep { step, model };
        *last = Some((file, snapshot.clone()));
        Ok(snapshot)
    }

    fn files(&self) -> Vec<(u64, PathBuf)> {
        let mut files = RunFolder::checkpoints(&self.folder);
        let last = self.folder.join(RunFolder::LAST);
        if last.exists() {
            let step = RunSummary::steps_of(&self.folder);
            files.retain(|(other, _)| *other != step);
            files.push((step, last));
        }
        files
    }
}

fn is_run(folder: &Path) -> bool {
    ["events.jsonl", "experiment.toml"].iter().any(|name| folder.join(name).is_file())
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned())
}

fn stamp(folder: &Path) -> Stamp {
    let metadata = fs::metadata(folder.join("events.jsonl"));
    metadata.map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
