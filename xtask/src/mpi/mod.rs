//! `cargo xtask mpi`: runs of several processes give the same bytes, end when one of them dies, and how fast they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};
use gradus::nn::Mode;
use gradus::runs::Experiment;
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::process;

mod bytes;
mod cost;
mod deaths;
mod hosts;
mod measured;
mod refusals;
mod scaling;
mod speed;
mod sweeps;
mod timed;

/// What starts the processes.
const LAUNCHER: &str = "mpirun";

/// What is tested.
#[derive(clap::Args)]
pub(crate) struct MpiArgs {
    /// Only these parts, separated by commas: bytes, refusals, deaths, sweeps, hosts, speed.
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    only: Vec<String>,

    /// The binary, built with the feature `mpi` [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// How much of a part is tested.
#[derive(Clone, Copy, PartialEq)]
enum Extent {
    Short,
    Whole,
}

/// A part of the test.
struct MpiPart {
    name: &'static str,
    /// Whether it measures times.
    is_timed: bool,
    /// Returns what is missing on this machine if it cannot run.
    run: fn(&Launcher, Extent) -> anyhow::Result<Option<String>>,
}

const PARTS: &[MpiPart] = &[
    MpiPart { name: "bytes", is_timed: false, run: bytes::run },
    MpiPart { name: "refusals", is_timed: false, run: refusals::run },
    MpiPart { name: "deaths", is_timed: false, run: deaths::run },
    MpiPart { name: "sweeps", is_timed: false, run: sweeps::run },
    MpiPart { name: "hosts", is_timed: true, run: hosts::run },
    MpiPart { name: "speed", is_timed: true, run: speed::run },
];

/// Runs some parts, or all.
///
/// # Errors
///
/// The first difference.
pub(crate) fn run(args: &MpiArgs) -> anyhow::Result<()> {
    let known = PARTS.iter().map(|part| part.name).collect::<Vec<_>>();
    for name in &args.only {
        ensure!(
            known.contains(&&**name),
            "--only: expected some of {}, found {name:?}",
            known.join(", ")
        );
    }
    let is_asked =
        |part: &&MpiPart| args.only.is_empty() || args.only.iter().any(|name| name == part.name);
    let parts: Vec<_> = PARTS.iter().filter(is_asked).collect();
    let profile =
        if parts.iter().any(|part| part.is_timed) { Profile::Release } else { Profile::Dev };
    let launcher = Launcher::new(args.binary.as_deref(), profile)?;
    for part in parts {
        println!("{} …", part.name);
        match (part.run)(&launcher, Extent::Whole)? {
            None => println!("{}: held", part.name),
            Some(missing) => println!("{} SKIPPED: {missing}", part.name),
        }
    }
    Ok(())
}

/// Runs a short form; returns what is missing on this machine if it cannot.
pub(crate) fn run_if_installed() -> anyhow::Result<Option<String>> {
    for program in [LAUNCHER, "mpicc"] {
        if !process::is_installed(program) {
            return Ok(Some(format!("{program} is not installed")));
        }
    }
    let clippy = "clippy --package gradus-cluster --all-targets --features mpi -- -D warnings";
    process::run(Command::new("cargo").args(clippy.split(' ')))?;
    let launcher = Launcher::new(None, Profile::Dev)?;
    for part in PARTS.iter().filter(|part| !part.is_timed) {
        println!("  {} …", part.name);
        if let Some(missing) = (part.run)(&launcher, Extent::Short)? {
            return Ok(Some(missing));
        }
    }
    Ok(None)
}

/// Starts processes in a folder of their own.
struct Launcher {
    binary: PathBuf,
    folder: tempfile::TempDir,
}

impl Launcher {
    fn new(binary: Option<&Path>, profile: Profile) -> anyhow::Result<Self> {
        let binary = match binary {
            Some(binary) => binary.canonicalize()?,
            None => binary::build_with(profile, &["gradus-cli/mpi"])?,
        };
        Ok(Self { binary, folder: tempfile::tempdir()? })
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What starts the processes that `arguments` of `mpirun` say; without any, one process is started by itself.
    fn launch(&self, arguments: &[String]) -> Command {
        if arguments.is_empty() {
            return Command::new(&self.binary);
        }
        let mut command = Command::new(LAUNCHER);
        command.args(arguments).arg(&self.binary);
        command
    }

    /// The command of `ranks` processes.
    fn command(&self, ranks: usize, args: &[&str]) -> Command {
        let mut command = self.launch(&launch_arguments(ranks));
        command.args(args);
        self.prepare(command)
    }

    /// A command in the folder, which may start more processes than there are cores.
    fn prepare(&self, mut command: Command) -> Command {
        command.envs(CROWDED);
        self.prepare_idle(command)
    }

    /// A command in the folder, of no more processes than there are cores: each keeps its own busy.
    fn prepare_idle(&self, mut command: Command) -> Command {
        command.current_dir(self.folder()).envs(ALWAYS).stdin(Stdio::null());
        command
    }

    /// Runs `ranks` processes to their end, and returns what they wrote.
    fn output(&self, ranks: usize, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(ranks, args);
        command.output().with_context(|| format!("cannot start: {}", process::quote(&command)))
    }

    /// As [`output`](Self::output), an error unless all succeed; what they wrote to standard output as JSON.
    fn json(&self, ranks: usize, args: &[&str]) -> anyhow::Result<Value> {
        let output = self.output(ranks, args)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{ranks} processes, {}: {}\n{error}",
            args.join(" "),
            output.status
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Removes what was trained.
    fn clear(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.folder())? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(())
    }
}

/// Those of `mpirun` that start `ranks` processes; none for one.
fn launch_arguments(ranks: usize) -> Vec<String> {
    if ranks == 1 { Vec::new() } else { vec!["-n".into(), ranks.to_string()] }
}

/// Numbers that an experiment trains.
fn parameters(experiment: &Experiment) -> anyhow::Result<f64> {
    Ok(experiment.network(Mode::Train)?.graph.n_parameters() as f64)
}

/// Settings of Open MPI: for root, as in a container; a store of PMIx without locks in shared memory, for which `mpirun` waits
/// without end if a process is killed that holds one; and seconds until it gives up, as for a host that does not answer.
const ALWAYS: [(&str, &str); 4] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("PMIX_MCA_gds", "hash"),
    ("MPIEXEC_TIMEOUT", "600"),
];

/// Settings for more processes than cores: those that wait let others work.
const CROWDED: [(&str, &str); 3] = [
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("OMPI_MCA_hwloc_base_binding_policy", "none"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
];

/// The processes of the binary that were started in the folder, by rank.
fn processes(launcher: &Launcher) -> BTreeMap<usize, u32> {
    let of = |process: u32| {
        let exe = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
        let folder = fs::read_link(format!("/proc/{process}/cwd")).ok()?;
        let is_ours =
            exe == launcher.binary && folder.starts_with(launcher.folder().canonicalize().ok()?);
        let mut variables = environment.split(|&byte| byte == 0).filter(|_| is_ours);
        let rank = variables.find_map(|text| text.strip_prefix(b"OMPI_COMM_WORLD_RANK="))?;
        Some((String::from_utf8_lossy(rank).parse().ok()?, process))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| of(entry.file_name().to_str()?.parse().ok()?)).collect()
}
