//! `cargo xtask`: what a shell script would be elsewhere, with nothing to install.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal: to print is what it is for"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

mod bench_peers;
mod ci;
mod process;
mod results;
mod sanitize;
mod tidy;

/// The chores of the repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
enum Chore {
    /// Every check but the tests: format, clippy, docs, tidy. Stops at the first that fails.
    Ci,
    /// The rules of the house that no compiler knows, such as which crate may use which.
    Tidy,
    /// The tests of the kernels under AddressSanitizer, which finds reads and writes out of bounds.
    ///
    /// Not part of `ci`: it builds everything again, in a folder of its own.
    /// ThreadSanitizer is left out: without a standard library built for it, it reports races in
    /// correct programs.
    Sanitize,
    /// Trains the same networks with Gradus and its peers in turns, and writes `bench/RESULTS.md`.
    ///
    /// Runs on Linux and needs Python 3; the first run installs the peers in `bench/.venv`, which
    /// takes 3 GB from the package index. Let the machine do nothing else meanwhile.
    BenchPeers(bench_peers::Args),
    /// Trains every preset and writes `docs/results.md`: what was published, and what came out.
    ///
    /// Takes half an hour to an hour on two cores, and goes on where it was stopped.
    Results(results::Args),
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
        Chore::Sanitize => sanitize::run(),
        Chore::BenchPeers(args) => bench_peers::run(&args),
        Chore::Results(args) => results::run(&args),
    }
}
