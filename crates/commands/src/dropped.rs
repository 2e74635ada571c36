//! Training that a page asks for, in a process of its own: on data that was dropped on it, and of runs that continue.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gradus::events::Command;
use gradus::studio::{DataTrainer, Uploads};
use serde_json::json;

/// How often it is looked whether the run is recorded.
const PERIOD: Duration = Duration::from_millis(50);
/// For so long it is waited for a run to continue.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is kept of what the process says.
const MAX_SAID: usize = 1 << 16;

/// The files are kept beside the directory of the runs, in `uploads`.
pub(crate) fn uploads(runs: &Path) -> Uploads {
    let folder = std::path::absolute(runs).unwrap_or_else(|_| runs.to_owned());
    Uploads {
        folder: folder.with_file_name("uploads"),
        trainer: Box::new(ProcessTrainer {
            runs: folder,
            last: Mutex::default(),
            starting: Mutex::default(),
        }),
    }
}

/// One process at a time.
#[derive(Debug)]
struct ProcessTrainer {
    runs: PathBuf,
    last: Mutex<Option<TrainProcess>>,
    /// Held while one starts.
    starting: Mutex<()>,
}

/// A process that trains, or has.
#[derive(Debug)]
struct TrainProcess {
    run: PathBuf,
    process: Child,
    /// Reads what it says, so that it never waits, and returns its error. None once that was asked for.
    listening: Option<JoinHandle<String>>,
    error: String,
}

impl DataTrainer for ProcessTrainer {
    fn begin(&self, data: &Path) -> Result<PathBuf, String> {
        let run = self.free_run(data);
        let arguments = [OsStr::new("--data"), data.as_os_str(), OsStr::new("--run")];
        self.start(&run, &arguments, || run.join("events.jsonl").exists())?;
        Ok(run)
    }

    fn resume(&self, run: &Path) -> Result<(), String> {
        let run = std::path::absolute(run).map_err(|error| error.to_string())?;
        let written = || fs::metadata(run.join("events.jsonl")).and_then(|log| log.modified()).ok();
        let before = written();
        let begin = Instant::now();
        // What takes long is the data: whatever is wrong with the run is said before.
        self.start(&run, &[OsStr::new("--resume")], || {
            written() != before || begin.elapsed() >= PATIENCE
        })
    }

    fn trains(&self, run: &Path) -> bool {
        self.last().as_mut().is_some_and(|last| last.is_running() && is_same(&last.run, run))
    }

    fn failure(&self, run: &Path) -> Option<String> {
        self.last().as_mut().filter(|last| is_same(&last.run, run))?.failure().map(str::to_owned)
    }

    fn send(&self, run: &Path, command: Command) -> Option<bool> {
        let mut last = self.last();
        let last = last.as_mut().filter(|last| is_same(&last.run, run))?;
        let line = json!(command).to_string() + "\n";
        // A thread of the process reads all the time: the pipe has space for a thousand commands that it has not read.
        let mut write = || last.process.stdin.as_mut()?.write_all(line.as_bytes()).ok();
        Some(write().is_some())
    }
}

impl TrainProcess {
    fn start(run: &Path, arguments: &[&OsStr]) -> std::io::Result<Self> {
        let mut command = process::Command::new(env::current_exe()?);
        command.args(["train", "--commands"]).args(arguments).arg(run);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn()?;
        let said = process.stderr.take();
        let listening = thread::spawn(move || said.map(error_of).unwrap_or_default());
        let run = run.to_owned();
        Ok(Self { run, process, listening: Some(listening), error: String::new() })
    }

    fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Why it has failed, if it has.
    fn failure(&mut self) -> Option<&str> {
        let status = self.process.try_wait().ok()??;
        if let Some(listening) = self.listening.take() {
            self.error = listening.join().unwrap_or_default();
        }
        (!status.success()).then_some(&*self.error)
    }
}

/// Reads what a process says to its end, and returns its error, or the end of it all.
fn error_of(mut said: impl Read) -> String {
    let (mut kept, mut part) = (Vec::new(), [0; 1 << 12]);
    loop {
        match said.read(&mut part) {
            Ok(0) => break,
            Ok(n) => kept.extend_from_slice(&part[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        kept.drain(..kept.len().saturating_sub(MAX_SAID));
    }
    let text = String::from_utf8_lossy(&kept);
    let error = text.rfind("error: ").map_or(&*text, |at| &text[at + "error: ".len()..]);
    error.trim().to_owned()
}

/// Whether a path, absolute or not, leads to a run whose path is absolute.
fn is_same(run: &Path, path: &Path) -> bool {
    std::path::absolute(path).is_ok_and(|path| path == run)
}

impl ProcessTrainer {
    fn last(&self) -> MutexGuard<'_, Option<TrainProcess>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process that trains the run in a directory, and waits until it does.
    fn start(
        &self,
        run: &Path,
        arguments: &[&OsStr],
        trains: impl Fn() -> bool,
    ) -> Result<(), String> {
        let Ok(_starting) = self.starting.try_lock() else {
            return Err("another run starts: try again in a moment".to_owned());
        };
        if let Some(last) = &mut *self.last()
            && last.is_running()
        {
            let run = last.run.display();
            return Err(format!("{run} still trains: try again when it has ended"));
        }
        let started = TrainProcess::start(run, arguments);
        let mut started = started.map_err(|error| format!("gradus train: {error}"))?;
        // A short run may have ended already.
        while started.is_running() && !trains() {
            thread::sleep(PERIOD);
        }
        let failure = started.failure().map(str::to_owned);
        *self.last() = Some(started);
        failure.map_or(Ok(()), Err)
    }

    /// The first of `NAME-1`, `NAME-2`, … that does not exist.
    fn free_run(&self, data: &Path) -> PathBuf {
        let stem = data.file_stem().unwrap_or_default().to_string_lossy();
        let mut runs = (1..).map(|n| self.runs.join(format!("{stem}-{n}")));
        runs.find(|run| !run.exists()).expect("there are endless numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_process_is_found_behind_all_that_it_said_before() {
        let said = |text: &str| error_of(text.as_bytes());
        assert_eq!(said(""), "");
        assert_eq!(said("killed\n"), "killed");
        let warnings = "warning: the log cannot be written\n".repeat(10_000);
        assert_eq!(
            said(&(warnings.clone() + "error: a.csv: no rows\n  add some\n")),
            "a.csv: no rows\n  add some"
        );
        assert_eq!(said(&warnings).len(), MAX_SAID - 1);
    }
}
