//! Training on data that was dropped on a page: `gradus train --data` in a process of its own.

use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gradus::studio::{DataTrainer, Uploads};

/// How often it is looked whether the run is recorded.
const PERIOD: Duration = Duration::from_millis(50);
/// The most that is read of what the process says.
const MAX_SAID: u64 = 1 << 16;

/// The files are kept beside the directory of the runs, in `uploads`.
pub(crate) fn uploads(runs: &Path) -> Uploads {
    let folder = std::path::absolute(runs).unwrap_or_else(|_| runs.to_owned());
    Uploads {
        folder: folder.with_file_name("uploads"),
        trainer: Box::new(ProcessTrainer { runs: folder, running: Mutex::default() }),
    }
}

/// One process at a time.
#[derive(Debug)]
struct ProcessTrainer {
    runs: PathBuf,
    /// The run directory of the last one.
    running: Mutex<Option<(PathBuf, Child)>>,
}

impl DataTrainer for ProcessTrainer {
    fn begin(&self, data: &Path) -> Result<PathBuf, String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((run, process)) = &mut *running
            && matches!(process.try_wait(), Ok(None))
        {
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
                *running = Some((run.clone(), process));
                return Ok(run);
            }
            if ended.is_some() {
                let text = listening.join().unwrap_or_default();
                return Err(text.trim().trim_start_matches("error: ").to_owned());
            }
            thread::sleep(PERIOD);
        }
    }
}

impl ProcessTrainer {
    /// The first of `NAME-1`, `NAME-2`, … that does not exist.
    fn free_run(&self, data: &Path) -> PathBuf {
        let stem = data.file_stem().unwrap_or_default().to_string_lossy();
        let mut runs = (1..).map(|n| self.runs.join(format!("{stem}-{n}")));
        runs.find(|run| !run.exists()).expect("there are endless numbers")
    }
}

fn train(data: &Path, run: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["train", "--data"]).arg(data).arg("--run").arg(run);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}
