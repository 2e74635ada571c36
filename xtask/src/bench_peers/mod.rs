//! `cargo xtask bench-peers`: the same networks trained by Gradus and by its peers, side by side.
//!
//! The contestants take turns, so that a machine that gets slower or busier meets them all alike.

use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;

use anyhow::Context as _;

use self::contestant::Contestant;
use self::report::{Report, Row};
use crate::process;

mod contestant;
mod digits;
mod machine;
mod peers;
mod report;

const RESULTS: &str = "bench/RESULTS.md";

/// What to measure, and how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Presets of Gradus that the peers have too.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "softmax,two-layer,five-relu,conv-dropout"
    )]
    networks: Vec<String>,

    /// Runs of each contestant on each network; the median counts.
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZeroUsize,

    /// Length of one run, in seconds, after its warm-up.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    seconds: f64,

    /// Threads each contestant may use.
    #[arg(long, value_name = "N", default_value = "2")]
    threads: NonZeroUsize,
}

/// Measures, prints a table and writes it to `bench/RESULTS.md`.
///
/// A peer that cannot be installed, or a run that fails, is reported and left out.
///
/// # Errors
///
/// If Gradus does not build or the files cannot be written.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    process::run(Command::new("cargo").args(["build", "--release", "--package", "gradus-cli"]))?;
    digits::write()?;

    let mut contestants = vec![Contestant::gradus()];
    for peer in peers::ALL {
        match peer.install() {
            Ok(contestant) => contestants.push(contestant),
            Err(error) => eprintln!("{}: left out, cannot be installed: {error:#}", peer.name),
        }
    }

    let mut rows = Vec::new();
    let mut other_work = 0.0_f64;
    for network in &args.networks {
        let mut speeds = vec![Vec::new(); contestants.len()];
        for round in 1..=args.rounds.get() {
            other_work = other_work.max(machine::busy_share()?);
            for (contestant, speeds) in contestants.iter_mut().zip(&mut speeds) {
                let run = contestant.samples_per_second(network, args);
                let outcome = match &run {
                    Ok(speed) => format!("{speed:.0} samples/s"),
                    Err(error) => format!("left out, {error:#}"),
                };
                eprintln!("{network}, round {round}, {}: {outcome}", contestant.name);
                speeds.extend(run.ok());
            }
        }
        rows.push(Row { network: network.clone(), speeds });
    }

    let report = Report {
        contestants: contestants.into_iter().map(|each| (each.name, each.version)).collect(),
        rows,
        machine: machine::name(),
        other_work,
        method: format!(
            "{} rounds in turns, {} s each after warm-up, {} threads",
            args.rounds, args.seconds, args.threads
        ),
    };
    let page = report.to_markdown();
    print!("{page}");
    fs::write(RESULTS, page).context(RESULTS)
}
