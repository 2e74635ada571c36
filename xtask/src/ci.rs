//! `cargo xtask ci`: all that CI checks beside the tests.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::{browser, process, tidy};

/// A named check.
struct Step {
    name: &'static str,
    run: fn() -> anyhow::Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "clippy", run: clippy },
    Step { name: "neon", run: neon },
    Step { name: "docs", run: docs },
    Step { name: "tidy", run: tidy::run },
    Step { name: "browser", run: || browser::run(&browser::Args::default()) },
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

/// The engine for AArch64, whose vectors are NEON's. The rest needs a C compiler for that machine.
fn neon() -> anyhow::Result<()> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?.stdout;
    let sysroot = String::from_utf8(sysroot)?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        println!("NEON was not built: {TARGET} is not installed (rustup target add {TARGET})");
        return Ok(());
    }
    let packages = ["-p", "gradus-kernels", "-p", "gradus-graph", "-p", "gradus-nn"];
    let mut clippy = Command::new("cargo");
    clippy.args(["clippy", "--all-targets", "--target", TARGET]).args(packages);
    process::run(clippy.args(["--", "-D", "warnings"]))
}

fn docs() -> anyhow::Result<()> {
    let args = ["doc", "--workspace", "--no-deps"];
    process::run(Command::new("cargo").args(args).env("RUSTDOCFLAGS", "-D warnings"))
}
