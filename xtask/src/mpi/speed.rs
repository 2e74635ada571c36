//! How fast two processes of one thread are beside one of two threads, and what shards cost.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::{Extent, LAUNCHER, Launcher};
use crate::process;
use crate::table::{median, short};

/// Pairs that alternate.
const PAIRS: usize = 20;
/// Seconds of a run, nearly.
const SECONDS: f64 = 3.5;
/// The networks of `bench/networks`, each with samples of a batch.
const NETWORKS: [(&str, usize); 8] = [
    ("w3", 104),
    ("w4", 128),
    ("w5", 104),
    ("w6", 104),
    ("w7", 128),
    ("w3", 1000),
    ("w4", 1000),
    ("w6", 1000),
];
/// Networks with a batch that is a multiple of 16 times the shards, and with one that is not.
const SHARDED: [(&str, usize); 8] = [
    ("w4", 128),
    ("w5", 128),
    ("w6", 128),
    ("w7", 128),
    ("w4", 100),
    ("w5", 100),
    ("w6", 100),
    ("w7", 100),
];

/// How long an exchange takes.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct ExchangeTime {
    pub(super) bytes: f64,
    pub(super) seconds: f64,
}

pub(super) fn run(launcher: &Launcher, _extent: Extent) -> anyhow::Result<Option<String>> {
    let times = exchange_times(launcher, &[])?;
    println!("  an exchange of a gradient between two processes:");
    for ExchangeTime { bytes, seconds } in &times {
        println!("    {:>9.0} bytes  {:>8.1} microseconds", bytes, seconds * 1e6);
    }
    println!(
        "  two processes of one thread beside one of two threads, samples/s, medians of {PAIRS} pairs:"
    );
    println!(
        "  network  batch  one process  two processes  ratio  exchanged bytes  bound of the ratio  of the bound"
    );
    for (network, batch) in NETWORKS {
        let case = SpeedCase::new(launcher, network, batch)?;
        let contestant = |ranks, threads| SpeedContestant { ranks, threads, shards: 2 };
        let [one, two, ratio] = case.pairs([contestant(1, 2), contestant(2, 1)])?;
        let bytes = 4.0 * case.parameters()?;
        let step = batch as f64 / one;
        let bound = step / (step + interpolated(&times, bytes));
        println!(
            "  {network}  {batch:>5}  {:>9}  {:>9}  {ratio:.3}  {bytes:>10.0}  {bound:.3}  {:.3}",
            short(one),
            short(two),
            ratio / bound
        );
    }
    println!("  8 shards beside 1, in one process of two threads:");
    for (network, batch) in SHARDED {
        let case = SpeedCase::new(launcher, network, batch)?;
        let contestant = |shards| SpeedContestant { ranks: 1, threads: 2, shards };
        let [one, eight, ratio] = case.pairs([contestant(1), contestant(8)])?;
        println!("  {network}  {batch:>5}  {:>9}  {:>9}  {ratio:.3}", short(one), short(eight));
    }
    Ok(None)
}

/// The times of exchanges between two processes, started with these arguments of the launcher.
pub(super) fn exchange_times(
    launcher: &Launcher,
    arguments: &[&str],
) -> anyhow::Result<Vec<ExchangeTime>> {
    let build = "build --release --package gradus-cluster --features mpi --example exchange_times";
    process::run(Command::new("cargo").args(build.split(' ')).arg("--quiet"))?;
    let program = crate::binary::path(crate::binary::Profile::Release)?
        .with_file_name("examples/exchange_times");
    let mut command = Command::new(LAUNCHER);
    if arguments.is_empty() {
        command.args(["-n", "2"]);
    }
    command.args(arguments).arg(program);
    let text = process::read(&mut launcher.prepare_idle(command))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The time of an exchange of `bytes`, between those that were measured.
pub(super) fn interpolated(times: &[ExchangeTime], bytes: f64) -> f64 {
    let after = times.iter().position(|time| time.bytes >= bytes).unwrap_or(times.len() - 1).max(1);
    let [low, high] = [times[after - 1], times[after]];
    let share = (bytes - low.bytes) / (high.bytes - low.bytes);
    low.seconds + share * (high.seconds - low.seconds)
}

/// A network that is trained for some seconds.
struct SpeedCase<'l> {
    launcher: &'l Launcher,
    file: PathBuf,
    batch: usize,
}

/// How it is trained.
#[derive(Clone, Copy)]
struct SpeedContestant {
    ranks: usize,
    threads: usize,
    shards: usize,
}

impl<'l> SpeedCase<'l> {
    fn new(launcher: &'l Launcher, network: &str, batch: usize) -> anyhow::Result<Self> {
        let file = std::env::current_dir()?.join(format!("bench/networks/{network}.toml"));
        Ok(Self { launcher, file, batch })
    }

    /// The medians of both speeds, in samples a second, and of the ratio of the second to the first.
    fn pairs(&self, contestants: [SpeedContestant; 2]) -> anyhow::Result<[f64; 3]> {
        /// Enough to know how many steps take some seconds.
        const TRIED: u64 = 20;
        let mut steps = [0; 2];
        for (steps, contestant) in steps.iter_mut().zip(contestants) {
            let speed = self.speed(contestant, TRIED)?;
            *steps = (SECONDS * speed / self.batch as f64).ceil() as u64;
        }
        let mut speeds = [const { Vec::new() }; 3];
        for pair in 0..PAIRS {
            let mut found = [0.0; 2];
            // Which comes first alternates.
            for which in [pair % 2, 1 - pair % 2] {
                found[which] = self.speed(contestants[which], steps[which].max(TRIED))?;
            }
            let [one, two] = found;
            speeds.iter_mut().zip([one, two, two / one]).for_each(|(all, value)| all.push(value));
        }
        Ok(speeds.map(|all| median(&all).unwrap_or(f64::NAN)))
    }

    /// Samples a second of training.
    fn speed(&self, contestant: SpeedContestant, steps: u64) -> anyhow::Result<f64> {
        let SpeedContestant { ranks, threads, shards } = contestant;
        let mut command = self.launcher.start(ranks);
        command.arg("train").arg(&self.file).args(["--json", "--run", "run"]);
        command.args(["--steps", &steps.to_string(), "--threads", &threads.to_string()]);
        let [batch, shards] =
            [format!("train.batch={}", self.batch), format!("train.shards={shards}")];
        for setting in [&*batch, &*shards, "train.evaluate_every=1000000"] {
            command.args(["--set", setting]);
        }
        let mut command = self.launcher.prepare_idle(command);
        command.stderr(Stdio::null());
        let summary: Value = serde_json::from_str(&process::read(&mut command)?)?;
        fs::remove_dir_all(self.launcher.folder().join("run"))?;
        summary["samples_per_second"].as_f64().context("samples_per_second")
    }

    fn parameters(&self) -> anyhow::Result<f64> {
        let mut command = Command::new(&self.launcher.binary);
        command.arg("summary").arg(&self.file).arg("--json");
        let summary: Value = serde_json::from_str(&process::read(&mut command)?)?;
        summary["parameters"].as_f64().context("parameters")
    }
}
