//! Training on data that was dropped on a page: `gradus train --data` in a process of its own.

use std::env;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gradus::events::Command;
use gradus::studio::{DataTrainer, Uploads};
use serde_json::json;

/// How often it is looked whether the run is recorded.
const PERIOD: Duration = Duration::from_millis(50);
/// The most that is read of what the process says.
const MAX_SAID: u64 = 1 << 16;

/// The files are kept beside the directory of the runs, in `uploads`.
pub(crate) fn uploads(runs: &Path) -> Uploads {
    let folder = std::path::absolute(runs).unwrap_or_else(|_| runs.to_owned());
    Uploads {
        folder: folder.with_file_name("uploads"),
        trainer: Box::new(ProcessTrainer { runs: folder, last: Mutex::default() }),
    }
}

/// One process at a time.
#[derive(Debug)]
struct ProcessTrainer {
    runs: PathBuf,
    /// The run directory of the last one.
    last: Mutex<Option<(PathBuf, Child)>>,
}

impl DataTrainer for ProcessTrainer {
    fn begin(&self, data: &Path) -> Result<PathBuf, String> {
        if let Some(run) = running(&mut self.last()) {
            return Err(format!("{} still trains: try again when it has ended", run.display()));
        }
        let run = self.free_run(data);
        let mut process = train(data, &run).map_err(|error| format!("gradus train: {error}"))?;
        let mut said = process.stderr.take().map(|said| said.take(MAX_SAID));
        let listening = thread::spawn(move || {
            let mut text = String::new();
            if let Some(said) = &mut said {
                let _ = said.read_to_string(&mut text);
            }
            text
        });
        loop {
            let ended = process.try_wait().map_err(|error| error.to_string())?;
            if run.join("events.jsonl").exists() {
                *self.last() = Some((run.clone(), process));
                return Ok(run);
            }
            if ended.is_some() {
                let text = listening.join().unwrap_or_default();
                return Err(text.trim().trim_start_matches("error: ").to_owned());
            }
            thread::sleep(PERIOD);
        }
    }

    fn trains(&self, run: &Path) -> bool {
        running(&mut self.last()).is_some_and(|trained| is_same(trained, run))
    }

    fn send(&self, run: &Path, command: Command) -> Option<bool> {
        let mut last = self.last();
        let (_, process) = last.as_mut().filter(|(trained, _)| is_same(trained, run))?;
        let line = json!(command).to_string() + "\n";
        // A thread of the process reads all the time: the pipe has space for a thousand commands that it has not read.
        let mut write = || process.stdin.as_mut()?.write_all(line.as_bytes()).ok();
        Some(write().is_some())
    }
}

/// The run directory, if its process has not ended.
fn running(last: &mut Option<(PathBuf, Child)>) -> Option<&Path> {
    let (run, process) = last.as_mut()?;
    matches!(process.try_wait(), Ok(None)).then_some(run)
}

/// Whether a path, absolute or not, leads to a run whose path is absolute.
fn is_same(run: &Path, path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| path == run)
}

impl ProcessTrainer {
    fn last(&self) -> MutexGuard<'_, Option<(PathBuf, Child)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first of `NAME-1`, `NAME-2`, … that does not exist.
    fn free_run(&self, data: &Path) -> PathBuf {
        let stem = data.file_stem().unwrap_or_default().to_string_lossy();
        let mut runs = (1..).map(|n| self.runs.join(format!("{stem}-{n}")));
        runs.find(|run| !run.exists()).expect("there are endless numbers")
    }
}

fn train(data: &Path, run: &Path) -> std::io::Result<Child> {
    let mut command = process::Command::new(env::current_exe()?);
    command.args(["train", "--commands", "--data"]).arg(data).arg("--run").arg(run);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}
