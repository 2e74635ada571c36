//! The subcommands of the binary `gradus`, one file each.
//!
//! They are a crate of their own since what the linker optimises as a whole gets the level of the binary's crate, and nothing
//! in here is where time is spent: as small code they are a megabyte less.

mod commanded;
mod commands;
mod dropped;
mod experiment;
mod model;
mod output;
mod processes;
mod progress;
mod reading;
mod resume;
mod samples;
mod served;
mod signal;
mod threads;

use std::alloc::System;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use clap::{CommandFactory, Parser};
use cluster::Disagreement;
use diagnostics::PrintableWriter;
use gradus::kernels::Isa;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// The system allocator with counters, so that `bench` can report the allocations of a step.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// When `main` began.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Exit code of usage errors and bad input; 1 means that a requested threshold was not met.
const USAGE_ERROR: u8 = 2;

/// Train neural networks on the CPU, inspect every value, and ship the result.
#[derive(Debug, Parser)]
#[command(name = "gradus", version, after_help = GUIDE)]
struct Cli {
    #[command(subcommand)]
    command: Option<commands::Command>,
}

const GUIDE: &str = "\
Getting started:
  gradus train --live --open        train a convolutional network on the embedded digits, with a live page
  gradus presets                    list the built-in experiments
  gradus train --resume RUN         resume a run that was stopped or killed
  gradus studio                     browse all runs
  gradus tune FILE.toml             search for good settings
  gradus eval runs/conv-dropout-1   every metric, each class, worst mistakes of a run
  gradus predict runs/iris-1 x.csv  predict rows of a table, or pictures
  gradus explain '(apple * count) * tax' --at apple=10 count=2 tax=1.1

Exit codes: 0 success, 1 a requested threshold was not met, 2 usage error or bad input,
3 nothing failed but not everything could be checked, 130 interrupted.";

/// What the program takes on its command line: for completions and man pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the subcommand that the arguments of the process name.
pub fn main() -> ExitCode {
    LazyLock::force(&START);
    let cli = Cli::parse();
    let stdout = io::stdout().lock();
    // In a file or a pipe names are data.
    let mut out: Box<dyn Write> = match stdout.is_terminal() {
        true => Box::new(PrintableWriter(stdout)),
        false => Box::new(stdout),
    };
    let Some(command) = cli.command else {
        // The name alone prints the help.
        let _ = write!(out, "{}", Cli::command().render_help());
        return ExitCode::SUCCESS;
    };
    gradus::warn_unless_optimized();
    let isa = Isa::force_from_environment().map_err(anyhow::Error::from);
    isa.and_then(|()| command.run(&mut *out)).unwrap_or_else(|error| tell(&error))
}

/// Says why a command has failed, and returns its exit code.
fn tell(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    // Of several processes one says what is wrong with all.
    if !matches!(error.downcast_ref(), Some(Disagreement::ToldByFirst)) {
        let _ = writeln!(output::stderr(), "error: {error:#}");
    }
    ExitCode::from(USAGE_ERROR)
}

/// A closed output is not an error: the reader has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
