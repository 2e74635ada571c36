//! `cargo xtask ci`: every check except the tests. Installs nothing but the Python packages that run ONNX files, in the user's
//! cache.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::ensure;

use crate::binary::{self, Profile};
use crate::{browser, cross, fuzz, interop, kill, mpi, process, tidy};

/// A named check. It returns what is missing on this machine if it cannot run.
struct CiStep {
    name: &'static str,
    run: fn() -> anyhow::Result<Option<String>>,
}

/// One group of steps after the other. Those of a group run side by side, since each of them keeps one core busy: the linker
/// that optimises the binary as a whole, and tests under an emulator.
const STEPS: &[&[CiStep]] = &[
    &[CiStep { name: "format", run: || always(format()) }],
    &[CiStep { name: "tidy", run: || always(tidy::run()) }],
    &[CiStep { name: "javascript", run: javascript }],
    &[CiStep { name: "clippy", run: || always(clippy()) }],
    &[CiStep { name: "supply chain", run: supply_chain }],
    &[CiStep { name: "parquet", run: || always(parquet()) }],
    &[CiStep { name: "docs", run: || always(docs()) }],
    &[CiStep { name: "wasm", run: cross::wasm }],
    &[
        CiStep { name: "binary", run: || always(binary()) },
        CiStep { name: "neon", run: cross::neon },
    ],
    &[CiStep { name: "kill", run: kill::run_if_installed }],
    &[CiStep { name: "mpi", run: mpi::run_if_installed }],
    &[CiStep { name: "fuzz", run: fuzz::run_if_installed }],
    &[CiStep { name: "onnx", run: interop::run_onnx_if_installed }],
    &[CiStep {
        name: "browser",
        run: || browser::run_if_installed(&browser::BrowserArgs::default()),
    }],
];

/// The result of a step whose tools come with Rust.
fn always(result: anyhow::Result<()>) -> anyhow::Result<Option<String>> {
    result.map(|()| None)
}

/// Runs every step, and prints its name and time. A step whose tool is missing is skipped, and fails where the
/// variable `CI` is `true`.
///
/// # Errors
///
/// Of the steps of a group that fail; the groups after it do not run.
pub(crate) fn run() -> anyhow::Result<()> {
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    let mut skipped = Vec::new();
    for group in STEPS {
        let results: Vec<_> = thread::scope(|scope| {
            let steps: Vec<_> = group.iter().map(|step| scope.spawn(|| step.run_timed())).collect();
            steps
                .into_iter()
                .map(|step| step.join().expect("a step that panicked has said why"))
                .collect()
        });
        let mut failures = Vec::new();
        for (step, result) in group.iter().zip(results) {
            match result {
                Ok(None) => {}
                Ok(Some(missing)) if is_ci => failures.push(format!("{}: {missing}", step.name)),
                Ok(Some(missing)) => {
                    println!("{} SKIPPED: {missing}", step.name);
                    skipped.push(step.name);
                }
                Err(error) => failures.push(format!("{}: {error:#}", step.name)),
            }
        }
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
    }
    if !skipped.is_empty() {
        println!("passed, without {}", skipped.join(", "));
    }
    Ok(())
}

impl CiStep {
    fn run_timed(&self) -> anyhow::Result<Option<String>> {
        println!("{} …", self.name);
        let start = Instant::now();
        let missing = (self.run)()?;
        if missing.is_none() {
            println!("{} passed in {:.1} s", self.name, start.elapsed().as_secs_f64());
        }
        Ok(missing)
    }
}

fn format() -> anyhow::Result<()> {
    process::run(Command::new("cargo").args(["fmt", "--all", "--check"]))
}

fn clippy() -> anyhow::Result<()> {
    let args = "clippy --workspace --all-targets --features gradus-data/parquet -- -D warnings";
    process::run(Command::new("cargo").args(args.split(' ')))
}

/// Checks licences, sources and bans of all packages by `deny.toml`, advisories where their database can be reached, and that
/// every crate packages.
fn supply_chain() -> anyhow::Result<Option<String>> {
    let package = "package --workspace --exclude xtask --no-verify --allow-dirty --quiet";
    process::run(Command::new("cargo").args(package.split(' ')))?;
    if !process::is_installed("cargo-deny") {
        return Ok(Some("cargo-deny is not installed".into()));
    }
    process::run(Command::new("cargo").args(["deny", "check", "licenses", "bans", "sources"]))?;
    match process::read(Command::new("cargo").args(["deny", "fetch", "db"])) {
        Ok(_) => process::run(Command::new("cargo").args(["deny", "check", "advisories"]))?,
        Err(_) => println!("advisories: not checked, their database cannot be reached"),
    }
    Ok(None)
}

/// Tests the feature that no other build has.
fn parquet() -> anyhow::Result<()> {
    let args = "test --workspace --features gradus-data/parquet --test parquet";
    process::run(Command::new("cargo").args(args.split(' ')))
}

fn docs() -> anyhow::Result<()> {
    let args = "doc --workspace --no-deps --features gradus-data/parquet";
    process::run(Command::new("cargo").args(args.split(' ')).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The largest size of what users install.
const MOST_BYTES: u64 = 26_000_000;

/// Builds what users install, and checks its size.
fn binary() -> anyhow::Result<()> {
    let file = binary::build(Profile::Release)?;
    let bytes = fs::metadata(&file)?.len();
    let file = file.display();
    ensure!(bytes <= MOST_BYTES, "{file}: expected at most {MOST_BYTES} bytes, found {bytes}");
    Ok(())
}

/// The unit tests of the pages, with the test runner of Node.
fn javascript() -> anyhow::Result<Option<String>> {
    if !process::is_installed("node") {
        return Ok(Some("node is not installed".into()));
    }
    let list =
        ["ls-files", "--cached", "--others", "--exclude-standard", "*.test.js", "*.test.mjs"];
    let files = process::read(Command::new("git").args(list))?;
    ensure!(!files.trim().is_empty(), "expected files ending in .test.js, found none");
    always(process::run(Command::new("node").arg("--test").args(files.lines())))
}
