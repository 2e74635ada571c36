//! Runs whose steps are timed.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::Launcher;
use crate::process;

/// How an experiment is trained, without evaluations.
#[derive(Clone, Copy)]
pub(super) struct TimedRun {
    /// Of each process.
    pub(super) threads: usize,
    pub(super) batch: usize,
    pub(super) shards: usize,
    pub(super) steps: usize,
}

/// What a run gave.
pub(super) struct TimedOutcome {
    /// Of the weights.
    pub(super) digest: String,
    pub(super) samples_per_second: f64,
    /// Exchanges of the run, if there were several processes.
    pub(super) messages: Option<f64>,
}

impl TimedRun {
    /// Trains a preset, or an experiment of a file, with the processes that `arguments` of `mpirun` start; alone without any.
    pub(super) fn run(
        self,
        launcher: &Launcher,
        arguments: &[String],
        experiment: &str,
    ) -> anyhow::Result<TimedOutcome> {
        let Self { threads, batch, shards, steps } = self;
        let mut command = launcher.launch(arguments);
        command.args(["train", experiment, "--json", "--run", "run"]);
        command.args(["--threads", &threads.to_string(), "--steps", &steps.to_string()]);
        let settings = [("batch", batch), ("shards", shards), ("evaluate_every", 1_000_000)];
        for (name, value) in settings {
            command.args(["--set", &format!("train.{name}={value}")]);
        }
        let summary: Value =
            serde_json::from_str(&process::read(&mut launcher.prepare_idle(command))?)?;
        let run = launcher.folder().join("run");
        let messages = messages(&run)?;
        fs::remove_dir_all(run)?;
        Ok(TimedOutcome {
            digest: summary["weights_digest"].as_str().context("weights_digest")?.to_owned(),
            samples_per_second: summary["samples_per_second"]
                .as_f64()
                .context("samples_per_second")?,
            messages,
        })
    }
}

/// The exchanges of a run, by the last line of its log that says them.
fn messages(run: &Path) -> anyhow::Result<Option<f64>> {
    let log = fs::read_to_string(run.join("events.jsonl"))?;
    let events = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut measured = events.filter(|event| event["event"] == "processes_measured");
    Ok(measured.next().and_then(|event| event["processes"][0]["messages"].as_f64()))
}
