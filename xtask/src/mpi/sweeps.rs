//! The same table of a sweep for any number of processes, also if one is killed and the command is given again.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::deaths::kill;
use super::{Extent, Launcher, processes};

const EXPERIMENT: &str = r#"
data = { source = "mnist", limit = 2000, validation = 500 }
model = { input = [28, 28, 1], layers = ["flatten", { kind = "linear", units = 20 }, "relu", { kind = "linear", units = 10 }] }
train = { batch = 50, steps = 300, evaluate_every = 100 }

[tune]
trials = TRIALS
"train.schedule.learning_rate" = { log = [1e-4, 1e-1] }
"model.layers.2.units" = { whole = [10, 60] }
"#;

pub(super) fn run(launcher: &Launcher, extent: Extent) -> anyhow::Result<Option<String>> {
    let trials = if extent == Extent::Whole { 24 } else { 6 };
    fs::write(
        launcher.folder().join("sweep.toml"),
        EXPERIMENT.replace("TRIALS", &trials.to_string()),
    )?;
    let expected = table(launcher.json(1, &arguments("alone"))?);
    ensure!(
        expected.as_array().is_some_and(|trials_found| trials_found.len() == trials),
        "{expected}"
    );
    for ranks in [2, 3] {
        let found = table(launcher.json(ranks, &arguments(&format!("of-{ranks}")))?);
        ensure!(found == expected, "{ranks} processes: {found}\nexpected {expected}");
    }
    for victim in 0..3 {
        let sweep = format!("killed-{victim}");
        let mut command = launcher.command(3, &arguments(&sweep));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let record = launcher.folder().join(&sweep).join("tune.jsonl");
        let lines = || fs::read_to_string(&record).map_or(0, |text| text.lines().count());
        while lines() < 1 + trials / 3 && child.try_wait()?.is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        let process = processes(launcher).get(&victim).copied();
        let process = process.context("the sweep ended before a process could be killed")?;
        kill(process)?;
        let output = child.wait_with_output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        let is_told = error.contains(&format!("error: rank {victim} (process {process} on "));
        let is_safe = error.contains(&format!("`gradus tune --resume {sweep}` continues"));
        ensure!(
            !output.status.success() && is_told && is_safe,
            "rank {victim} was killed:\n{error}"
        );
        let saved = lines() - 1;
        let found = table(launcher.json(1 + victim, &arguments(&sweep))?);
        ensure!(found == expected, "rank {victim} was killed: {found}\nexpected {expected}");
        println!(
            "  rank {victim} was killed after {saved} of {trials} trials: {} processes continued to the same table",
            1 + victim
        );
    }
    println!("  {trials} trials: the same table with 1, 2 and 3 processes");
    launcher.clear()?;
    Ok(None)
}

/// The trials without times.
fn table(report: Value) -> Value {
    let mut trials = report["trials"].clone();
    for trial in trials.as_array_mut().into_iter().flatten() {
        trial.as_object_mut().and_then(|trial| trial.remove("seconds"));
    }
    trials
}

/// The arguments of the search, in a directory of that name.
fn arguments(sweep: &str) -> [&str; 7] {
    ["tune", "sweep.toml", "--threads", "1", "--json", "--sweep", sweep]
}
