//! The runs that the studio shows.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::SystemTime;

use runs::tune::SweepRecord;
use runs::{Experiment, Parts, RunFolder, SavedModel};

use crate::data_cache::DataCache;
use crate::error::RunError;
use crate::live::{LiveRun, ModelAtStep};
use crate::log::{Lines, RunLog};
use crate::summary::{RunSummary, experiment, unchecked_settings};
use crate::{OpenData, lock};

/// Runs that are kept open: each holds the index of its log, a few MB for a run of a million steps.
const MAX_OPEN: usize = 16;

/// Bytes of a saved model that pages show: beside a training there may be place for no more.
const MAX_MODEL: u64 = 1 << 30;

/// The runs in some folders.
///
/// A request names a run by its id, never by a path.
#[derive(Debug)]
pub(crate) struct Library {
    roots: Vec<PathBuf>,
    live: Option<LiveRun>,
    data: Arc<DataCache>,
    /// The summaries of runs that are over. A running one may crash without writing another byte.
    known: Mutex<HashMap<PathBuf, (Stamp, RunSummary)>>,
    open: Mutex<OpenRuns>,
}

/// The open runs.
#[derive(Debug, Default)]
struct OpenRuns {
    /// Those that are kept, the last used at the end.
    kept: Vec<Arc<OpenRun>>,
    /// All that somebody uses, so that none is opened twice.
    used: HashMap<String, Weak<OpenRun>>,
}

impl OpenRuns {
    fn find(&mut self, id: &str) -> Option<Arc<OpenRun>> {
        let found = self.used.get(id)?.upgrade()?;
        Some(self.keep(found))
    }

    fn add(&mut self, run: Arc<OpenRun>) -> Arc<OpenRun> {
        self.used.retain(|_, run| run.strong_count() > 0);
        self.used.insert(run.id.clone(), Arc::downgrade(&run));
        self.keep(run)
    }

    fn keep(&mut self, run: Arc<OpenRun>) -> Arc<OpenRun> {
        self.kept.retain(|other| !Arc::ptr_eq(other, &run));
        self.kept.push(Arc::clone(&run));
        if self.kept.len() > MAX_OPEN {
            self.kept.remove(0);
        }
        run
    }
}

/// Time of the last change and length of a file, by which its changes are noticed.
type Stamp = (Option<SystemTime>, u64);

/// A run whose pages are open.
#[derive(Debug)]
pub(crate) struct OpenRun {
    pub(crate) id: String,
    pub(crate) folder: PathBuf,
    log: Mutex<RunLog>,
    data: Arc<DataCache>,
    /// The saved model that was read last, and its file.
    last_read: Mutex<Option<(PathBuf, Stamp, ModelAtStep)>>,
}

impl Library {
    pub(crate) fn new(roots: Vec<PathBuf>, live: Option<LiveRun>, open_data: OpenData) -> Self {
        let data = Arc::new(DataCache::new(open_data));
        Self { roots, live, data, known: Mutex::default(), open: Mutex::default() }
    }

    /// The id of the run that this process trains.
    pub(crate) fn live_id(&self) -> Option<String> {
        let live = self.live.as_ref()?;
        self.folders().into_iter().find(|(_, folder)| *folder == live.folder).map(|(id, _)| id)
    }

    /// Every run with its id. The id of a trial begins with that of its sweep.
    fn folders(&self) -> Vec<(String, PathBuf)> {
        let trials = |sweep: &str, folder: &Path| -> Vec<_> {
            let runs = folders_in(folder).into_iter().filter(|run| is_run(run));
            runs.map(|run| (format!("{sweep}/{}", name_of(&run)), run)).collect()
        };
        let all = self.entries().into_iter();
        let runs = all.flat_map(|(id, folder)| match SweepRecord::is_in(&folder) {
            true => trials(&id, &folder),
            false => vec![(id, folder)],
        });
        runs.collect()
    }

    /// Every sweep, with its id.
    pub(crate) fn sweeps(&self) -> Vec<(String, PathBuf)> {
        self.entries().into_iter().filter(|(_, folder)| SweepRecord::is_in(folder)).collect()
    }

    /// The folder of the sweep called `id`, if there is one.
    pub(crate) fn sweep(&self, id: &str) -> Option<PathBuf> {
        let mut sweeps = self.sweeps().into_iter();
        sweeps.find(|(other, _)| other == id).map(|(_, folder)| folder)
    }

    /// Every run and every sweep, with its id: the name of the folder, and a number if that is taken. Other folders beside
    /// them are nobody's business.
    fn entries(&self) -> Vec<(String, PathBuf)> {
        let mut folders = Vec::new();
        for root in &self.roots {
            let is_shown = |folder: &PathBuf| is_run(folder) || SweepRecord::is_in(folder);
            match is_shown(root) {
                true => folders.push(root.clone()),
                false => folders.extend(folders_in(root).into_iter().filter(is_shown)),
            }
        }
        folders.dedup();
        let names: Vec<String> = folders.iter().map(|folder| name_of(folder)).collect();
        let mut taken = HashSet::new();
        let ids = names.iter().map(|name| {
            let numbered = (2..).map(|number| format!("{name}~{number}"));
            let is_free =
                |id: &String| (id == name || !names.contains(id)) && taken.insert(id.clone());
            let id = std::iter::once(name.clone()).chain(numbered).find(is_free);
            id.expect("numbers do not end")
        });
        ids.collect::<Vec<_>>().into_iter().zip(folders).collect()
    }

    /// A summary of each run as it is at the time `now`, the one written last first.
    pub(crate) fn summaries(&self, now: SystemTime) -> Vec<RunSummary> {
        self.summaries_by(|id, folder, is_live| RunSummary::read(id, folder, is_live, now))
    }

    fn summaries_by(&self, read: impl Fn(&str, &Path, bool) -> RunSummary) -> Vec<RunSummary> {
        let live = self.live.as_ref().map(|live| &live.folder);
        let mut summaries = Vec::new();
        for (id, folder) in self.folders() {
            let stamp = stamp(&folder.join("events.jsonl"));
            let known = lock(&self.known).get(&folder).cloned();
            let summary = match known {
                Some((old, summary)) if old == stamp && summary.id == id => summary,
                _ => {
                    // A bug met in one run must not hide the others.
                    let read = AssertUnwindSafe(|| read(&id, &folder, live == Some(&folder)));
                    let summary = catch_unwind(read).unwrap_or_else(|_| RunSummary::failed(&id));
                    if summary.state.is_over() {
                        lock(&self.known).insert(folder, (stamp, summary.clone()));
                    }
                    summary
                }
            };
            summaries.push(summary);
        }
        summaries.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.id.cmp(&b.id)));
        summaries
    }

    /// The run called `id`, if there is one.
    pub(crate) fn open(&self, id: &str) -> Option<Arc<OpenRun>> {
        if let Some(found) = lock(&self.open).find(id) {
            return Some(found);
        }
        // Not with the lock: a folder may be slow, and others have their runs open.
        let (id, folder) = self.folders().into_iter().find(|(other, _)| other == id)?;
        let mut open = lock(&self.open);
        // Somebody else may have opened it meanwhile.
        let found = open.find(&id);
        Some(found.unwrap_or_else(|| {
            let data = Arc::clone(&self.data);
            open.add(Arc::new(OpenRun { id, ..OpenRun::at(&folder, data) }))
        }))
    }

    /// The link to the trainer of `run`, if this process trains it.
    pub(crate) fn trainer_of(&self, run: &OpenRun) -> Option<&LiveRun> {
        self.live.as_ref().filter(|live| live.folder == run.folder)
    }

    /// The model of a run: the latest that its trainer provided, or the one nearest to `step`.
    pub(crate) fn model(&self, run: &OpenRun, step: Option<u64>) -> Result<ModelAtStep, RunError> {
        let Some(latest) = self.trainer_of(run).and_then(LiveRun::model) else {
            return run.saved(step);
        };
        let distance = |model: &ModelAtStep| step.map(|step| model.step.abs_diff(step));
        let saved = step.and_then(|step| run.saved(Some(step)).ok());
        Ok(saved.filter(|saved| distance(saved) < distance(&latest)).unwrap_or(latest))
    }
}

impl OpenRun {
    /// The run in a folder, named after it.
    pub(crate) fn at(folder: &Path, data: Arc<DataCache>) -> Self {
        Self {
            id: name_of(folder),
            folder: folder.to_owned(),
            log: Mutex::new(RunLog::new(folder.join("events.jsonl"))),
            data,
            last_read: Mutex::default(),
        }
    }

    /// The directory of the run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The index of the log.
    pub(crate) fn log(&self) -> MutexGuard<'_, RunLog> {
        lock(&self.log)
    }

    /// The index of the log, unless somebody uses it.
    pub(crate) fn free_log(&self) -> Option<MutexGuard<'_, RunLog>> {
        self.log.try_lock().ok()
    }

    /// The lines that show the whole run so far.
    pub(crate) fn history(&self) -> Result<Lines, RunError> {
        let mut log = self.log();
        let mut lines = || {
            while !log.refresh()? {}
            log.history()
        };
        let lines = lines();
        log.close();
        lines.map_err(|source| RunError::File { file: "events.jsonl", source })
    }

    /// The experiment of the run.
    pub(crate) fn experiment(&self) -> Result<Experiment, RunError> {
        experiment(&self.folder)
    }

    /// The settings of the run as they are written, for a run whose experiment cannot be read.
    pub(crate) fn unchecked_settings(&self) -> Vec<(String, String)> {
        unchecked_settings(&self.folder)
    }

    /// The summary of the run now.
    pub(crate) fn summary(&self, is_live: bool) -> RunSummary {
        RunSummary::read(&self.id, &self.folder, is_live, SystemTime::now())
    }

    /// The data of the run.
    pub(crate) fn data(&self) -> Result<Arc<Parts>, RunError> {
        self.data.get(&self.experiment()?.data)
    }

    /// The steps at which the model was saved, in order.
    pub(crate) fn saved_steps(&self) -> Vec<u64> {
        self.files().into_iter().map(|(step, _)| step).collect()
    }

    /// The saved model that is nearest to `step`, the last one if none is given.
    pub(crate) fn saved(&self, step: Option<u64>) -> Result<ModelAtStep, RunError> {
        let wanted = step.unwrap_or(u64::MAX);
        let nearest = self.files().into_iter().min_by_key(|(step, _)| step.abs_diff(wanted));
        let (step, file) = nearest.ok_or(RunError::NoModel)?;
        let stamp = stamp(&file);
        let mut last = lock(&self.last_read);
        if let Some((path, old, model)) = &*last
            && (path, old) == (&file, &stamp)
        {
            return Ok(model.clone());
        }
        if stamp.1 > MAX_MODEL {
            return Err(RunError::ModelBytes { most: MAX_MODEL, found: stamp.1 });
        }
        let model = ModelAtStep { step, model: Arc::new(SavedModel::read(&file)?) };
        *last = Some((file, stamp, model.clone()));
        Ok(model)
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

/// The folders in a folder, sorted; none if it cannot be read.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Whether a folder has a file of a run.
fn is_run(folder: &Path) -> bool {
    ["events.jsonl", "experiment.toml"].iter().any(|name| folder.join(name).is_file())
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map_or("run".into(), |name| name.to_string_lossy().into_owned())
}

fn stamp(file: &Path) -> Stamp {
    let metadata = fs::metadata(file);
    metadata.map_or((None, 0), |metadata| (metadata.modified().ok(), metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::summary::RunState;

    /// Some empty runs, each in one of two folders, and the library of both.
    fn library_of<const N: usize>(runs: [(usize, &str); N]) -> ([tempfile::TempDir; 2], Library) {
        let roots = [0, 1].map(|_| tempfile::tempdir().unwrap());
        for (root, name) in runs {
            let folder = roots[root].path().join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("experiment.toml"), "").unwrap();
            fs::write(folder.join("events.jsonl"), "").unwrap();
        }
        let folders = roots.iter().map(|root| root.path().to_owned()).collect();
        (roots, Library::new(folders, None, |_| panic!("no test here needs data")))
    }

    #[test]
    fn a_run_whose_summary_fails_hides_no_other() {
        let (_roots, library) = library_of([(0, "bad"), (0, "good")]);
        let found = library.summaries_by(|id, folder, is_live| {
            assert_ne!(id, "bad", "a bug");
            RunSummary::read(id, folder, is_live, SystemTime::now())
        });
        let found: Vec<_> = found.iter().map(|run| (&*run.id, run.state)).collect();
        assert_eq!(found, [("good", RunState::Running), ("bad", RunState::NotARun)]);
    }

    #[test]
    fn a_run_that_stops_writing_has_crashed_a_minute_later() {
        let second = Duration::from_secs(1);
        // A log from the future, of a machine whose clock is wrong, is not being written either.
        type Shift = fn(SystemTime, Duration) -> SystemTime;
        let shifts: [Shift; 2] = [|time, shift| time + shift, |time, shift| time - shift];
        for shift in shifts {
            let (roots, library) = library_of([(0, "killed")]);
            let log = fs::metadata(roots[0].path().join("killed/events.jsonl")).unwrap();
            let state = |secs| {
                let now = shift(log.modified().unwrap(), secs * second);
                library.summaries(now)[0].state
            };
            assert_eq!([59, 61].map(state), [RunState::Running, RunState::Crashed]);
        }
    }

    #[test]
    fn every_folder_has_an_id_of_its_own() {
        let (_roots, library) = library_of([(0, "x"), (0, "x~2"), (1, "x")]);
        let mut ids: Vec<String> = library.folders().into_iter().map(|(id, _)| id).collect();
        ids.sort();
        assert_eq!(ids, ["x", "x~2", "x~3"]);
    }
}
