//! A run of a contestant on a network, and the file with all runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One run: a line of `bench/results.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) network: String,
    /// Its name in the tables.
    pub(super) contestant: String,
    pub(super) conditions: Conditions,
    /// The load of the processor by other processes before the round, in 0..=1.
    pub(super) other_work: f64,
    pub(super) outcome: Outcome,
}

/// Conditions of a run besides network and contestant.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(super) struct Conditions {
    /// Name of the processor.
    pub(super) machine: String,
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) threads: usize,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Figures(Figures),
    /// The reason of a failure, in one line.
    Failure(String),
}

/// The output of a contestant. Unknown fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Version of the framework.
    #[serde(default)]
    pub(super) version: String,
    /// Training samples per second.
    pub(super) samples_per_second: f64,
    /// From the start of the process to the end of the first step.
    pub(super) startup_seconds: Option<f64>,
    /// Peak resident memory during training.
    pub(super) peak_rss_bytes: Option<u64>,
    /// Duration of a call for each batch size; empty for a contestant without inference.
    #[serde(default)]
    pub(super) inference_seconds: BTreeMap<u32, f64>,
    /// Training FLOP/s as a fraction of the processor's peak; Gradus only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fraction_of_peak: Option<f64>,
}

impl Run {
    /// The figures of a run that succeeded.
    pub(super) fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Failure(_) => None,
        }
    }
}

/// Reads all runs; an absent file is empty.
///
/// # Errors
///
/// If a line is not a run.
pub(super) fn read(file: &str) -> anyhow::Result<Vec<Run>> {
    if !Path::new(file).exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file).context(file.to_owned())?;
    let run = |(i, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{file}:{}", i + 1))
    };
    text.lines().enumerate().map(run).collect()
}

/// Replaces old runs by new ones of the same contestant and network, and sorts them.
pub(super) fn replace(runs: &mut Vec<Run>, new: Vec<Run>) {
    let is_same =
        |old: &Run, new: &Run| old.network == new.network && old.contestant == new.contestant;
    runs.retain(|old| !new.iter().any(|new| is_same(old, new)));
    runs.extend(new);
    runs.sort_by(|a, b| (&a.network, &a.contestant).cmp(&(&b.network, &b.contestant)));
}

/// Writes all runs atomically.
///
/// # Errors
///
/// If the file cannot be written.
pub(super) fn write(file: &str, runs: &[Run]) -> anyhow::Result<()> {
    let lines: Vec<String> = runs.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let neighbour = format!("{file}.tmp");
    fs::write(&neighbour, lines.join("\n") + "\n").context(neighbour.clone())?;
    fs::rename(&neighbour, file).context(file.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A run with this speed.
    pub(crate) fn run(network: &str, contestant: &str, samples_per_second: f64) -> Run {
        let figures = Figures { version: "1.0".into(), samples_per_second, ..Figures::default() };
        with(network, contestant, Outcome::Figures(figures))
    }

    /// A run that failed.
    pub(crate) fn failure(network: &str, contestant: &str, reason: &str) -> Run {
        with(network, contestant, Outcome::Failure(reason.into()))
    }

    fn with(network: &str, contestant: &str, outcome: Outcome) -> Run {
        Run {
            network: network.into(),
            contestant: contestant.into(),
            conditions: Conditions { machine: "Xeon".into(), rounds: 2, seconds: 3.0, threads: 2 },
            other_work: 0.01,
            outcome,
        }
    }

    #[test]
    fn what_a_contestant_prints_is_read_and_kept() {
        let line = r#"{"version": "2.1", "samples_per_second": 5.5, "startup_seconds": 0.1,
            "peak_rss_bytes": 1000, "inference_seconds": {"1": 0.5, "1000": 2.0}, "threads": 2}"#;
        let figures: Figures = serde_json::from_str(line).unwrap();
        assert_eq!(figures.inference_seconds, BTreeMap::from([(1, 0.5), (1000, 2.0)]));
        let bare: Figures = serde_json::from_str(r#"{"samples_per_second": 5.5}"#).unwrap();
        assert_eq!((bare.samples_per_second, bare.startup_seconds), (5.5, None));

        let all = [with("w1", "A", Outcome::Figures(figures)), failure("w2", "A", "too slow")];
        for run in all {
            let kept = serde_json::to_string(&run).unwrap();
            assert_eq!(serde_json::from_str::<Run>(&kept).unwrap(), run, "{kept}");
        }
    }

    #[test]
    fn new_runs_replace_those_of_the_same_contestant_on_the_same_network_only() {
        let mut runs = vec![
            run("w1", "A", 1.0),
            run("w1", "A", 2.0),
            run("w1", "B", 3.0),
            run("w2", "A", 4.0),
        ];
        replace(&mut runs, vec![failure("w1", "A", "gone"), run("w1", "C", 5.0)]);
        let expected = [
            failure("w1", "A", "gone"),
            run("w1", "B", 3.0),
            run("w1", "C", 5.0),
            run("w2", "A", 4.0),
        ];
        assert_eq!(runs, expected);
    }
}
