//! How fast two processes of one thread are beside one of two threads, and what shards cost.

use std::fs;
use std::process::Command;

use gradus::runs::Experiment;
use serde::Deserialize;

use super::measured::{Compared, ExchangeTime, Place, ScalingMeasurement, SpeedPair};
use super::scaling::ScalingRuns;
use super::timed::TimedRun;
use super::{Extent, LAUNCHER, Launcher, launch_arguments, parameters};
use crate::binary::{self, Profile};
use crate::process;

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

pub(super) fn run(launcher: &Launcher, _extent: Extent) -> anyhow::Result<Option<String>> {
    let mut runs = ScalingRuns::open()?;
    measure_exchanges(launcher, &mut runs, Place::OneMachine, &["-n".into(), "2".into()])?;
    let contestant = |ranks, threads, shards| SpeedContestant { ranks, threads, shards };
    let processes = [contestant(1, 2, 2), contestant(2, 1, 2)];
    let shards = [contestant(1, 2, 1), contestant(1, 2, 8)];
    for (compared, contestants, networks) in
        [(Compared::Processes, processes, NETWORKS), (Compared::Shards, shards, SHARDED)]
    {
        for (network, batch) in networks {
            SpeedCase::new(launcher, network, batch)?.compare(compared, contestants, &mut runs)?;
            runs.write_page()?;
        }
    }
    Ok(None)
}

/// Measures the exchanges of processes at a place, started with these arguments of the launcher, unless that was done.
pub(super) fn measure_exchanges(
    launcher: &Launcher,
    runs: &mut ScalingRuns,
    place: Place,
    arguments: &[String],
) -> anyhow::Result<()> {
    if !runs.exchanges(place).is_empty() {
        return Ok(());
    }
    let build = "build --release --package gradus-cluster --features mpi --example exchange_times";
    process::run(Command::new("cargo").args(build.split(' ')).arg("--quiet"))?;
    let program = binary::path(Profile::Release)?.with_file_name("examples/exchange_times");
    let mut command = Command::new(LAUNCHER);
    command.args(arguments).arg(program);
    let text = process::read(&mut launcher.prepare_idle(command))?;
    for line in text.lines() {
        let PrintedTime { bytes, seconds } = serde_json::from_str(line)?;
        runs.add(ScalingMeasurement::Exchange(ExchangeTime { place, bytes, seconds }))?;
    }
    Ok(())
}

/// What the program of the exchanges prints.
#[derive(Deserialize)]
struct PrintedTime {
    bytes: f64,
    seconds: f64,
}

/// A network that is trained for some seconds.
struct SpeedCase<'l> {
    launcher: &'l Launcher,
    network: String,
    file: String,
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
        let folder = std::env::current_dir()?;
        let file = format!("{}/bench/networks/{network}.toml", folder.display());
        Ok(Self { launcher, network: network.to_owned(), file, batch })
    }

    /// Runs both in turn until there are enough pairs.
    fn compare(
        &self,
        compared: Compared,
        contestants: [SpeedContestant; 2],
        runs: &mut ScalingRuns,
    ) -> anyhow::Result<()> {
        /// Enough to know how many steps take some seconds.
        const TRIED: usize = 20;
        let done = runs.pairs(compared, &self.network, self.batch).len();
        if done >= PAIRS {
            return Ok(());
        }
        let mut steps = [0; 2];
        for (steps, contestant) in steps.iter_mut().zip(contestants) {
            let speed = self.speed(contestant, TRIED)?;
            *steps = (SECONDS * speed / self.batch as f64).ceil() as usize;
        }
        let text = fs::read_to_string(&self.file)?;
        let parameters = parameters(&Experiment::parse(&self.network, &text)?)?;
        for pair in done..PAIRS {
            let mut found = [0.0; 2];
            // Which comes first alternates.
            for which in [pair % 2, 1 - pair % 2] {
                found[which] = self.speed(contestants[which], steps[which].max(TRIED))?;
            }
            let [one, more] = found;
            let (network, batch) = (self.network.clone(), self.batch);
            println!("  {network}, batch {batch}, pair {}: {:.3}", pair + 1, more / one);
            let pair = SpeedPair { compared, network, batch, parameters, one, more };
            runs.add(ScalingMeasurement::Pair(pair))?;
        }
        Ok(())
    }

    /// Samples a second of training.
    fn speed(&self, contestant: SpeedContestant, steps: usize) -> anyhow::Result<f64> {
        let SpeedContestant { ranks, threads, shards } = contestant;
        let run = TimedRun { threads, batch: self.batch, shards, steps };
        let arguments = launch_arguments(ranks);
        Ok(run.run(self.launcher, &arguments, &self.file)?.samples_per_second)
    }
}
