//! `cargo xtask bench-peers`: the same networks trained by Gradus and by other frameworks.
//!
//! The contestants alternate, so that a machine whose speed or load changes affects all of them alike.

use std::collections::BTreeMap;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::process::Command;

use anyhow::Context as _;

use self::contestant::{Contestant, GRADUS};
use self::run::{Conditions, Outcome, Run};
use crate::{machine, process};

mod contestant;
mod data;
mod networks;
mod peers;
mod report;
mod run;

/// One line per run.
const RUNS: &str = "bench/results.jsonl";
/// The generated page.
const PAGE: &str = "bench/RESULTS.md";

/// Networks, contestants and duration of the measurement.
#[derive(clap::Args)]
pub(crate) struct BenchPeersArgs {
    /// Networks of `bench/networks` [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    networks: Vec<String>,

    /// Contestants: `gradus`, a folder of `bench/peers`, or a variant such as `burn/flex` [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    contestants: Vec<String>,

    /// Runs per contestant and network; the median counts.
    #[arg(long, value_name = "N", default_value = "5")]
    rounds: NonZeroUsize,

    /// Duration of one run in seconds, after its warm-up.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    seconds: f64,

    /// Number of threads per contestant.
    #[arg(long, value_name = "N", default_value = "2")]
    threads: NonZeroUsize,

    /// Seconds after which a run is killed.
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    limit: NonZeroU64,

    /// Write the page from finished runs without measuring.
    #[arg(long)]
    page_only: bool,
}

/// Measures, and writes `bench/results.jsonl` and `bench/RESULTS.md` after each network. New runs replace old ones
/// of the same contestant and network; the others are kept.
///
/// A framework that cannot be installed, or a run that fails, is reported as a gap.
///
/// # Errors
///
/// If a network or contestant is unknown, Gradus does not build or the files cannot be written.
pub(crate) fn run(args: &BenchPeersArgs) -> anyhow::Result<()> {
    let contestants = contestant::select(&args.contestants)?;
    let mut wanted = args.networks.clone();
    if wanted.is_empty() {
        wanted = networks::all()?.into_iter().map(|network| network.name).collect();
    }
    for network in &wanted {
        networks::read(network)?;
    }
    let mut runs = run::read(RUNS)?;
    if !args.page_only {
        let programs = install(&contestants)?;
        for network in &wanted {
            run::replace(&mut runs, measure(network, &contestants, &programs, args)?);
            run::write(RUNS, &runs)?;
            write_page(&runs)?;
        }
    }
    write_page(&runs)?;
    eprintln!("{PAGE} is written");
    Ok(())
}

/// The command line of a peer (`None`: of Gradus), or why there is none.
type Programs = BTreeMap<Option<&'static str>, Result<Vec<String>, String>>;

fn install(contestants: &[Contestant]) -> anyhow::Result<Programs> {
    let takes_part = |folder| contestants.iter().any(|contestant| contestant.folder == folder);
    data::write()?;
    let mut programs = Programs::new();
    if takes_part(GRADUS.folder) {
        let build = ["build", "--release", "--package", "gradus-cli", "--target-dir", "target"];
        process::run(Command::new("cargo").args(build))?;
        let program = ["target/release/gradus", "bench"].map(str::to_owned);
        programs.insert(GRADUS.folder, Ok(program.into()));
    }
    for peer in peers::ALL.iter().filter(|peer| takes_part(Some(peer.folder))) {
        let program = peer.install().map_err(|error| format!("cannot be installed: {error:#}"));
        programs.insert(Some(peer.folder), program);
    }
    Ok(programs)
}

/// Alternates between the contestants on one network. One that fails is skipped in the other rounds.
fn measure(
    network: &str,
    contestants: &[Contestant],
    programs: &Programs,
    args: &BenchPeersArgs,
) -> anyhow::Result<Vec<Run>> {
    let conditions = Conditions {
        machine: machine::name(),
        rounds: args.rounds.get(),
        seconds: args.seconds,
        threads: args.threads.get(),
    };
    let mut runs: Vec<Run> = Vec::new();
    for round in 1..=args.rounds.get() {
        let other_work = machine::busy_share()?;
        for contestant in contestants {
            let has_failed =
                |run: &Run| run.contestant == contestant.name && run.figures().is_none();
            if runs.iter().any(has_failed) {
                continue;
            }
            let outcome = match &programs[&contestant.folder] {
                Ok(program) => contestant.run(program, network, args),
                Err(reason) => Outcome::Failure(reason.clone()),
            };
            let told = match &outcome {
                Outcome::Figures(figures) => format!("{:.0} samples/s", figures.samples_per_second),
                Outcome::Failure(reason) => format!("left out, {reason}"),
            };
            eprintln!("{network}, round {round}, {}: {told}", contestant.name);
            runs.push(Run {
                network: network.to_owned(),
                contestant: contestant.name.to_owned(),
                conditions: conditions.clone(),
                other_work,
                outcome,
            });
        }
    }
    Ok(runs)
}

fn write_page(runs: &[Run]) -> anyhow::Result<()> {
    let names: Vec<&str> = contestant::all().iter().map(|contestant| contestant.name).collect();
    let page = report::page(runs, &networks::all()?, &names);
    fs::write(PAGE, page).context(PAGE)
}
