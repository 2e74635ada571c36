//! `cargo xtask bench-peers`: the same networks trained by Gradus and by other frameworks.
//!
//! The contestants alternate, so that a machine whose speed or load changes affects all of them alike. All are held to
//! one instruction set, and it is checked that they are.

use std::collections::BTreeMap;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};

use anyhow::Context as _;

use self::contestant::{Contestant, GRADUS};
use self::hold::PeerIsa;
use self::measurement::PeerMeasurement;
use self::run::Run;
use crate::binary::{self, Profile};
use crate::json_lines;

mod contestant;
mod data;
mod hold;
mod measurement;
mod networks;
mod peers;
mod registers;
mod report;
mod run;

/// One line per run.
const RUNS: &str = "bench/results.jsonl";
/// The generated page.
const PAGE: &str = "bench/RESULTS.md";

/// Instruction set, networks, contestants and duration of the measurement.
#[derive(clap::Args)]
pub(crate) struct BenchPeersArgs {
    /// Instruction set to which Gradus and its peers are held.
    #[arg(long, value_name = "SET", required_unless_present = "page_only")]
    isa: Option<PeerIsa>,

    /// Networks of `bench/networks` [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    networks: Vec<String>,

    /// Contestants: `gradus`, a folder of `bench/peers`, or a variant such as `burn/flex` [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    contestants: Vec<String>,

    /// Runs per contestant and network; the median counts.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,

    /// Duration of one run in seconds, after its warm-up.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    seconds: f64,

    /// Number of threads per contestant.
    #[arg(long, value_name = "N", default_value = "2")]
    threads: NonZeroUsize,

    /// Seconds after which a run is killed.
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    limit: NonZeroU64,

    /// Minutes after which no run begins.
    #[arg(long, value_name = "MINUTES", default_value_t = 60.0)]
    minutes: f64,

    /// Continue the newest measurement of this machine, instruction set, and number of rounds, seconds and threads.
    #[arg(long)]
    resume: bool,

    /// Write the page from finished runs without measuring.
    #[arg(long)]
    page_only: bool,
}

/// Measures, and writes `bench/results.jsonl` after each run and `bench/RESULTS.md` after each network. New runs
/// replace old ones of the same machine, instruction set, contestant and network; the others are kept.
///
/// A framework that cannot be installed or held to the instruction set, or a run that fails, is reported as a gap.
///
/// # Errors
///
/// If a network or contestant is unknown, the machine lacks the instruction set, Gradus does not build or the files
/// cannot be written.
pub(crate) fn run(args: &BenchPeersArgs) -> anyhow::Result<()> {
    let contestants = contestant::select(&args.contestants)?;
    let mut wanted = args.networks.clone();
    if wanted.is_empty() {
        wanted = networks::all()?.into_iter().map(|network| network.name).collect();
    }
    for network in &wanted {
        networks::read(network)?;
    }
    let mut runs: Vec<Run> = json_lines::read(RUNS)?;
    if let Some(isa) = args.isa.filter(|_| !args.page_only) {
        let hold = isa.hold()?;
        let programs = install(&contestants, isa)?;
        let mut measurement = PeerMeasurement::start(runs, hold, &contestants, &programs, args)?;
        for network in &wanted {
            let is_done = measurement.measure(network);
            write_page(&measurement.runs)?;
            is_done?;
        }
        runs = measurement.runs;
    }
    write_page(&runs)?;
    eprintln!("{PAGE} is written");
    Ok(())
}

/// The command line of a peer (`None`: of Gradus), or why there is none.
type Programs = BTreeMap<Option<&'static str>, Result<Vec<String>, String>>;

fn install(contestants: &[Contestant], isa: PeerIsa) -> anyhow::Result<Programs> {
    let takes_part = |folder| contestants.iter().any(|contestant| contestant.folder == folder);
    data::write()?;
    let mut programs = Programs::new();
    if takes_part(GRADUS.folder) {
        let program = binary::build(Profile::Release)?.display().to_string();
        let program = [program, "bench".to_owned()];
        programs.insert(GRADUS.folder, Ok(program.into()));
    }
    for peer in peers::ALL.iter().filter(|peer| takes_part(Some(peer.folder))) {
        let program = peer.install(isa).map_err(|error| format!("cannot be installed: {error:#}"));
        programs.insert(Some(peer.folder), program);
    }
    Ok(programs)
}

fn write_page(runs: &[Run]) -> anyhow::Result<()> {
    let names: Vec<&str> = contestant::all().iter().map(|contestant| contestant.name).collect();
    let page = report::page(runs, &networks::all()?, &names);
    fs::write(PAGE, page).context(PAGE)
}
