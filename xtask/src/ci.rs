//! `cargo xtask ci`: all that CI checks beside the tests.

use std::process::Command;
use std::time::Instant;

use crate::{process, tidy};

/// A named check.
struct Step {
    name: &'static str,
    run: fn() -> anyhow::Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "clippy", run: clippy },
    Step { name: "docs", run: docs },
    Step { name: "tidy", run: tidy::run },
];

/// Runs every step, and prints its name and time.
///
/// # Errors
///
/// Of the first step that fails; the steps after it do not run.
pub(crate) fn run() -> anyhow::Result<()> {
    for step in STEPS {
        println!("{} …", step.name);
        let start = Instant::now();
        (step.run)()?;
        println!("{} passed in {:.1} s", step.name, start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn format() -> anyhow::Result<()> {
    process::run(Command::new("cargo").args(["fmt", "--all", "--check"]))
}

fn clippy() -> anyhow::Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(Command::new("cargo").args(args))
}

fn docs() -> anyhow::Result<()> {
    let args = ["doc", "--workspace", "--no-deps"];
    process::run(Command::new("cargo").args(args).env("RUSTDOCFLAGS", "-D warnings"))
}
