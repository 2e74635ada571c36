//! Training by several processes together.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use cluster::{Cluster, Death, Fact, SharedRun, Watch, from_first};
use gradus::events::{Command, Event};
use gradus::kernels::Isa;
use gradus::train::{Observer, Trainer};
use sha2::{Digest as _, Sha256};

use super::{Prepared, Recording, TrainArgs, exit_code, prepare, summary_of, what_is_safe};
use crate::output::stderr;
use crate::signal::stop_on_signal;

/// How long those that are not the first to speak of a death wait for the one that is.
const TURN: Duration = Duration::from_secs(1);
/// How long a process waits in a pause before it looks for commands again.
const PERIOD: Duration = Duration::from_millis(50);

pub(super) fn run(
    args: &TrainArgs,
    cluster: Cluster,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let run = Arc::new(OnceLock::new());
    let path = Arc::clone(&run);
    let watch = Watch::start(cluster.peers(), cluster.rank(), move |death| end(&death, path.get()));
    let ended = train(args, &cluster, &run, out);
    cluster.leave();
    drop(watch);
    ended
}

fn train(
    args: &TrainArgs,
    cluster: &Cluster,
    run: &OnceLock<PathBuf>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let prepared = prepare_one(args, cluster);
    let prepared = prepared.map_err(|error| format!("{error:#}"));
    let Prepared { mut trainer, stopped } = cluster.agree(prepared, facts)?;
    let is_first = cluster.rank() == 0;
    let recording = is_first.then(|| Recording::open(args, &trainer, stopped)).transpose();
    let recording = recording.map_err(|error| format!("{error:#}"));
    let recording = cluster.agree(recording, |_| Vec::new())?;
    let own = recording.as_ref().map(|recording| recording.path.display().to_string());
    let path = from_first(&**cluster.group(), &own.unwrap_or_default());
    run.set(path.into()).expect("set once");
    let host = &cluster.peers()[cluster.rank()].host;
    let shared = |observers| SharedRun::new(Arc::clone(cluster.group()), host, observers);
    match recording {
        Some(mut recording) => {
            let mut shared = shared(vec![&mut recording.recorder, &mut recording.progress]);
            let finished = trainer.run(args.target_accuracy, &mut [&mut shared]);
            recording.end(args, &trainer, &finished, out, &mut summary_of(args))
        }
        None => {
            let mut follower = Follower(stop_on_signal()?);
            let finished =
                trainer.run(args.target_accuracy, &mut [&mut shared(vec![&mut follower])]);
            Ok(exit_code(args, &finished))
        }
    }
}

fn prepare_one(args: &TrainArgs, cluster: &Cluster) -> anyhow::Result<Prepared> {
    ensure!(
        args.data.is_none(),
        "--data: expected one process, which measures how long training may take, found {}; it writes an experiment file that several can train",
        cluster.peers().len()
    );
    prepare(args, Some(cluster))
}

/// What must be equal in all processes.
fn facts(prepared: &Prepared) -> Vec<Fact> {
    let Prepared { trainer, .. } = prepared;
    let program = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    let program: String =
        Sha256::digest(program)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let program = format!("{} {program}", env!("CARGO_PKG_VERSION"));
    let isa = Isa::current().name().to_owned();
    let mut facts = vec![
        Fact::new("program", program, "install the same everywhere"),
        Fact::new("instruction set", isa, "set GRADUS_ISA to one that all machines have"),
    ];
    let settings = trainer.current().experiment.settings().into_iter();
    facts.extend(
        settings.map(|(path, value)| Fact::new(path, value, "give all the same file and options")),
    );
    facts.extend(trainer.fingerprints().iter().map(|data| {
        let value = format!("{:?} {}", data.shape, &data.sha256[..12]);
        Fact::new(format!("{} data", data.part), value, "give all the same files")
    }));
    let digest = trainer.current().weights_digest()[..12].to_owned();
    let begin = format!("{digest} after step {}", trainer.steps_done());
    facts.push(Fact::new("parameters", begin, "give all the same run or model to begin with"));
    facts
}

/// Says which processes have died, and ends the others.
fn end(death: &Death, run: Option<&PathBuf>) {
    if death.is_first_left {
        let died: Vec<String> = death.died.iter().map(ToString::to_string).collect();
        let saved = match run {
            Some(run) => what_is_safe(run),
            None => "no run was begun".into(),
        };
        let word = if died.len() > 1 { "have" } else { "has" };
        let _ = writeln!(stderr(), "error: {} {word} died; all end\n  {saved}", died.join(", "));
    } else {
        thread::sleep(TURN);
    }
    Cluster::abort(crate::USAGE_ERROR)
}

/// Takes part in a run that another process records and shows.
#[derive(Debug)]
struct Follower(Arc<AtomicBool>);

impl Observer for Follower {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        if is_paused {
            thread::sleep(PERIOD);
        }
        self.0.load(Ordering::Relaxed).then_some(Command::Stop)
    }
}
