//! Runs whose steps are timed.

use std::fs;

use anyhow::{Context as _, ensure};
use gradus::kernels::Isa;
use serde_json::Value;

use super::Launcher;
use crate::{json_lines, process};

/// How an experiment is trained, without evaluations.
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
    batch: usize,
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
        let log: Vec<Value> = json_lines::read(run.join("events.jsonl"))?;
        let found = log.first().and_then(|event| event["isa"].as_str());
        let expected = Some(Isa::current().name());
        ensure!(found == expected, "{experiment}: expected {expected:?}, found {found:?}");
        fs::remove_dir_all(run)?;
        Ok(TimedOutcome {
            digest: summary["weights_digest"].as_str().context("weights_digest")?.to_owned(),
            samples_per_second: summary["samples_per_second"]
                .as_f64()
                .context("samples_per_second")?,
            batch,
            messages: messages(&log),
        })
    }
}

impl TimedOutcome {
    pub(super) fn seconds_per_step(&self) -> f64 {
        self.batch as f64 / self.samples_per_second
    }
}

/// The exchanges of a run, by the last line of its log that says them.
fn messages(log: &[Value]) -> Option<f64> {
    let last = log.iter().rfind(|event| event["event"] == "processes_measured")?;
    last["processes"][0]["messages"].as_f64()
}
