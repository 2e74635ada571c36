//! The binary `gradus`.

mod commands;
mod experiment;
mod numbers;
mod progress;
mod saved;
mod served;
mod signal;
mod threads;

use std::alloc::System;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use clap::{CommandFactory, Parser};
use gradus::kernels::Isa;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// The allocator of the system, which counts, so that `bench` can tell what a step allocates.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// When `main` began.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Exit code of wrong use or bad input; 1 says that a requested threshold was not met.
const WRONG_USE: u8 = 2;

/// Train neural networks on the CPU, see everything that happens inside, and ship the result.
#[derive(Debug, Parser)]
#[command(name = "gradus", version, after_help = GUIDE)]
struct Cli {
    #[command(subcommand)]
    command: Option<commands::Command>,
}

const GUIDE: &str = "\
To begin:
  gradus train --live --open        a convolutional network learns the embedded digits, and a page shows how
  gradus presets                    the published networks that are ready to train
  gradus studio                     all runs so far, on pages in the browser
  gradus eval runs/conv-dropout-1   what it learned, and where it errs
  gradus explain '(apple * count) * tax' --at apple=10 count=2 tax=1.1

Exit codes: 0 done, 1 a requested threshold was not met, 2 wrong use or bad input, 130 interrupted.";

fn main() -> ExitCode {
    LazyLock::force(&START);
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let Some(command) = cli.command else {
        // Someone who types only the name wants to know what there is.
        let _ = write!(out, "{}", Cli::command().render_help());
        return ExitCode::SUCCESS;
    };
    let known_isa = Isa::from_environment().map_err(anyhow::Error::msg);
    match known_isa.and_then(|_| command.run(&mut out)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(WRONG_USE)
        }
    }
}

/// Whoever reads the output has seen enough: no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
