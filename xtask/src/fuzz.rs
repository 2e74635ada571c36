//! `cargo xtask fuzz`: the readers of foreign bytes under attack.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{json_lines, machine, process};

/// A crate of its own, which is built with instruments.
const CRATE: &str = "fuzz";
/// Inputs to begin with, a folder for each target.
const SEEDS: &str = "fuzz/seeds";
/// What is built, the inputs that were found to reach something new, and findings.
const TARGET: &str = "target/fuzz";
/// Targets that passed, a line each.
const RESULTS: &str = "fuzz/results.jsonl";
/// Counters at each branch and the operands of comparisons, by which libFuzzer finds its way.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-prune-blocks=0",
];
/// Seconds and memory that an input may take, and how long it may be.
const LIMITS: [&str; 4] =
    ["-timeout=25", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-max_len=20000"];

/// How long and what.
#[derive(clap::Args)]
pub(crate) struct FuzzArgs {
    /// Minutes for each target.
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    minutes: f64,

    /// Targets [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    targets: Vec<String>,

    /// Keep each target that passes in `fuzz/results.jsonl`, and leave out those that are kept there, as long and of the same
    /// sources.
    #[arg(long)]
    record: bool,
}

/// A target that passed.
#[derive(Serialize, Deserialize)]
struct FuzzResult {
    target: String,
    seconds: u64,
    inputs: u64,
    /// That of Git for the sources of what is attacked and of the targets.
    sources: String,
    machine: String,
}

/// Runs each target for a few seconds; returns what is missing on this machine if it cannot.
pub(crate) fn run_if_installed() -> anyhow::Result<Option<String>> {
    if !process::is_installed("c++") {
        return Ok(Some("c++ is not installed (Debian package g++)".into()));
    }
    run(&FuzzArgs { minutes: 0.05, targets: Vec::new(), record: false })?;
    Ok(None)
}

/// Runs each target for some time, as many at once as there are cores. Inputs that reach something new are kept in
/// `target/fuzz`, so that the next call begins with them.
///
/// # Errors
///
/// If an input makes a reader panic, hang or take too much memory; it is named.
pub(crate) fn run(args: &FuzzArgs) -> anyhow::Result<()> {
    let all = targets()?;
    let unknown = args.targets.iter().find(|name| !all.contains(name));
    ensure!(unknown.is_none(), "expected one of {}, found {unknown:?}", all.join(", "));
    let host = process::host_target()?;
    process::run(
        Command::new("cargo")
            .args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml"])
            .args(["--target", &host, "--target-dir", TARGET])
            .env("RUSTFLAGS", FLAGS.join(" ")),
    )?;
    let program = fs::canonicalize(format!("{TARGET}/{host}/release/gradus-fuzz"))?;
    let mut chosen = if args.targets.is_empty() { all } else { args.targets.clone() };
    let seconds = (60.0 * args.minutes).ceil() as u64;
    let sources = args.record.then(sources).transpose()?;
    if let Some(sources) = &sources {
        let mut passed: Vec<FuzzResult> = json_lines::read(RESULTS)?;
        passed.retain(|result| result.sources == *sources && result.seconds >= seconds);
        chosen.retain(|name| passed.iter().all(|result| result.target != *name));
    }
    let waiting = Mutex::new(VecDeque::from(chosen));
    let findings = Mutex::new(Vec::new());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let passed = attack(&program, &name, seconds)
                        .and_then(|inputs| keep(&name, seconds, inputs, sources.as_deref()));
                    match passed {
                        Ok(inputs) => {
                            println!("{name}: {inputs} inputs in {seconds} s, no finding");
                        }
                        Err(error) => {
                            println!("{name}: {error:#}");
                            findings.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                        }
                    }
                }
            });
        }
    });
    let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    ensure!(findings.is_empty(), "findings in {}", findings.join(", "));
    Ok(())
}

/// The names of the targets: those of their files.
fn targets() -> anyhow::Result<Vec<String>> {
    let folder = format!("{CRATE}/src/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).context(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name != "mod" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// What Git calls the sources of the crates and of the targets.
fn sources() -> anyhow::Result<String> {
    let git = |args: &[&str]| process::read(Command::new("git").args(args));
    let changed = git(&["status", "--porcelain", "crates", "fuzz/src", "fuzz/seeds"])?;
    ensure!(changed.is_empty(), "expected committed sources, found changed ones:\n{changed}");
    let trees = git(&["rev-parse", "HEAD:crates", "HEAD:fuzz/src"])?;
    Ok(trees.split_whitespace().map(|tree| &tree[..12]).collect::<Vec<_>>().join(" "))
}

/// Keeps the result of a target, if the sources are known, and returns its inputs.
fn keep(name: &str, seconds: u64, inputs: u64, sources: Option<&str>) -> anyhow::Result<u64> {
    if let Some(sources) = sources {
        let (target, sources) = (name.to_owned(), sources.to_owned());
        let result = FuzzResult { target, seconds, inputs, sources, machine: machine::name() };
        json_lines::append(RESULTS, &result)?;
    }
    Ok(inputs)
}

/// Runs a target, and returns how many inputs it was given.
fn attack(program: &Path, name: &str, seconds: u64) -> anyhow::Result<u64> {
    let corpus = format!("{TARGET}/corpus/{name}");
    let findings = format!("{TARGET}/findings");
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).with_context(|| folder.clone())?;
    }
    let mut command = Command::new(program);
    command.arg(&corpus).arg(format!("{SEEDS}/{name}")).args(LIMITS);
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={findings}/{name}-"),
        "-print_final_stats=1".to_owned(),
    ]);
    let output = command.env("FUZZ_TARGET", name).output().context("the fuzzer")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let end: Vec<&str> = said.lines().rev().take(40).collect();
        bail!("{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    let inputs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let inputs = inputs.and_then(|inputs| inputs.trim().parse().ok());
    inputs.context("the fuzzer did not say how many inputs it ran")
}
