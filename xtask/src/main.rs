//! `cargo xtask`: what a shell script would be elsewhere, with nothing to install.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: to print is what it is for"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

mod bench_live;
mod bench_peers;
mod browser;
mod ci;
mod machine;
mod process;
mod results;
mod sanitize;
mod sweep;
mod table;
mod tidy;

/// The chores of the repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
enum Chore {
    /// Every check but the tests: format, clippy, docs, tidy. Stops at the first that fails.
    Ci,
    /// The rules of the house that no compiler knows, such as which crate may use which.
    Tidy,
    /// The pages of the studio in a real Chromium, with real runs behind them. Part of `ci`.
    ///
    /// Installs Chromium with apt where there is none.
    Browser(browser::Args),
    /// The tests of the kernels under AddressSanitizer, which finds reads and writes out of bounds.
    ///
    /// Not part of `ci`: it builds everything again, in a folder of its own.
    /// ThreadSanitizer is left out: without a standard library built for it, it reports races in
    /// correct programs.
    Sanitize,
    /// Trains the same networks with Gradus and its peers in turns, and writes `bench/RESULTS.md`.
    ///
    /// Runs on Linux and needs Python 3; the first run installs the Python peers in `bench/.venv`, which
    /// takes some GB from the package index, and builds the Rust ones. What is measured again replaces what
    /// was measured before, so that a part can be done at a time. Let the machine do nothing else meanwhile.
    BenchPeers(bench_peers::Args),
    /// Measures what it costs to record a run, to serve it and to show it on a page, and fails if it is too much.
    ///
    /// Takes about three minutes. Let the machine do nothing else meanwhile.
    BenchLive(bench_live::Args),
    /// Trains every preset and writes `docs/results.md`: what was published, and what came out.
    ///
    /// Takes half an hour to an hour on two cores, and goes on where it was stopped.
    Results(results::Args),
    /// Measures how speed depends on batch, width, threads and number of samples, and writes `docs/sweep.svg`
    /// and `docs/sweep.md`.
    ///
    /// Takes about a quarter of an hour. Let the machine do nothing else meanwhile.
    Sweep(sweep::Args),
}

fn main() -> ExitCode {
    match run(Chore::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> anyhow::Result<()> {
    // Every path below is relative to the root, wherever the command was typed.
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    match chore {
        Chore::Ci => ci::run(),
        Chore::Tidy => tidy::run(),
        Chore::Browser(args) => browser::run(&args),
        Chore::Sanitize => sanitize::run(),
        Chore::BenchPeers(args) => bench_peers::run(&args),
        Chore::BenchLive(args) => bench_live::run(&args),
        Chore::Results(args) => results::run(&args),
        Chore::Sweep(args) => sweep::run(&args),
    }
}
