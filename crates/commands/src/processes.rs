//! What commands of several processes have in common.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, exit};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use cluster::{Cluster, Death, ProcessFact, Watch};
use gradus::events::{Command, Event};
use gradus::kernels::Isa;
use gradus::runs::DataFingerprint;
use gradus::train::{Observer, Trainer};
use sha2::{Digest as _, Sha256};

use crate::output::stderr;
use crate::signal::stop_on_signal;

/// How long a launcher has to end all processes, before each ends by itself.
const LAUNCHER: Duration = Duration::from_secs(3);
/// How long a process waits in a pause before it looks for commands again.
const PERIOD: Duration = Duration::from_millis(50);
/// Letters of a digest that tell two apart.
const DIGITS: usize = 12;

/// Runs what all processes do together. As long as the watch is not dropped, if one dies, one of the others says so, with what
/// is safe in the directory that was set, and all end.
pub(crate) fn together(
    cluster: Cluster,
    what_is_safe: fn(&Path) -> String,
    run: impl FnOnce(&Cluster, &OnceLock<PathBuf>, Watch) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let directory = Arc::new(OnceLock::<PathBuf>::new());
    let known = Arc::clone(&directory);
    let watch = Watch::start(cluster.peers(), cluster.rank(), move |death| {
        let saved =
            known.get().map_or_else(|| "nothing was begun".into(), |path| what_is_safe(path));
        end(&death, &saved);
    });
    // Told before others end, at which the launcher may end this one. And nobody watches any more when the first one ends.
    let code = run(&cluster, &directory, watch).unwrap_or_else(|error| crate::tell(&error));
    cluster.wait_for_all();
    Ok(code)
}

/// Says which processes have died, and ends the others.
fn end(death: &Death, saved: &str) {
    if death.is_first_left {
        let died: Vec<String> = death.died.iter().map(ToString::to_string).collect();
        let word = if died.len() > 1 { "have" } else { "has" };
        let _ = writeln!(stderr(), "error: {} {word} died; all end\n  {saved}", died.join(", "));
    }
    // The launcher ends the others, unless it was told not to: then it sees that this one ends.
    thread::sleep(LAUNCHER);
    exit(crate::USAGE_ERROR.into())
}

/// The program and the instructions that it uses, which must be equal in all processes.
pub(crate) fn facts_of_program() -> Vec<ProcessFact> {
    let program = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    let digest = Sha256::digest(program);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let program = format!("{} {}", env!("CARGO_PKG_VERSION"), &digest[..DIGITS]);
    vec![
        ProcessFact::new("program", program, "install the same everywhere"),
        ProcessFact::new(
            "instruction set",
            Isa::current().name(),
            "set GRADUS_ISA to one that all machines have",
        ),
    ]
}

/// The data, which must be equal in all processes.
pub(crate) fn facts_of_data(data: &[DataFingerprint]) -> impl Iterator<Item = ProcessFact> {
    data.iter().map(|data| {
        let value = format!("{:?} {}", data.shape, &data.sha256[..DIGITS]);
        ProcessFact::new(format!("{} data", data.part), value, "give all processes the same files")
    })
}

/// Takes part in a run that another process records and shows.
#[derive(Debug)]
pub(crate) struct Follower(Arc<AtomicBool>);

impl Follower {
    /// Stops, with all others, at a signal to this process.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(stop_on_signal()?))
    }
}

impl Observer for Follower {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        if is_paused {
            thread::sleep(PERIOD);
        }
        self.0.load(Ordering::Relaxed).then_some(Command::Stop)
    }
}
