//! `cargo xtask fast99`: accuracy and seconds of the presets `fast99` and `fast994`, and of changed settings.

use std::fs;
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use gradus::kernels::Isa;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::table::{bounds, mean_and_error, median, replaced};
use crate::{json_lines, machine, process};

/// One line per finished run.
const RUNS: &str = "docs/fast99.jsonl";
const PAGE: &str = "docs/fast99.md";
const PRESETS_MARK: &str = "<!-- presets, by `cargo xtask fast99` -->\n";
const CHANGES_MARK: &str = "<!-- changes, by `cargo xtask fast99` -->\n";
/// The seeds of runs on the test set: others than those by which settings were chosen.
const PRESETS: [(&str, RangeInclusive<u64>); 2] = [("fast99", 1..=30), ("fast994", 1..=10)];
/// The seeds of runs on the validation set.
const SEEDS: RangeInclusive<u64> = 101..=130;
const VALIDATION: &str = "data.validation=10000";

/// What is changed of `fast99`, and the settings that do it.
const CHANGES: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("600 steps", &["train.steps=600"]),
    ("batch 150, 500 steps", &["train.batch=150", "train.steps=500"]),
    ("no label smoothing", &["train.loss.label_smoothing=0.0"]),
    ("label smoothing 0.1", &["train.loss.label_smoothing=0.1"]),
    ("Adam instead of Muon, rate 0.01", &["train.optimizer=adam", ADAM_RATE]),
    ("highest rate 0.03", &["train.schedule.max_learning_rate=0.03"]),
    ("second kernel 3 × 3", &["model.layers.4.kernel=3"]),
    ("16 and 32 filters", &["model.layers.1.filters=16", "model.layers.4.filters=32"]),
    ("128 units", &["model.layers.8.units=128"]),
    ("batch normalisation after the pools", &[NORMALIZED]),
    ("shifted by up to a pixel", &["data.augment=[{ kind = \"shift\", pixels = 1 }]"]),
];
const ADAM_RATE: &str = "train.schedule.max_learning_rate=0.01";
const NORMALIZED: &str = r#"model.layers=[
    { kind = "conv2d", filters = 12, kernel = 5 }, { kind = "max_pool2d", size = 2 }, { kind = "batch_norm", momentum = 0.9 }, "relu",
    { kind = "conv2d", filters = 24, kernel = 5 }, { kind = "max_pool2d", size = 2 }, { kind = "batch_norm", momentum = 0.9 }, "relu",
    "flatten", { kind = "linear", units = 64 }, "relu", { kind = "linear", units = 10 }]"#;

/// What to do.
#[derive(clap::Args)]
pub(crate) struct Fast99Args {
    /// Write the tables from finished runs without training.
    #[arg(long)]
    table_only: bool,

    /// Train only the presets as they are.
    #[arg(long)]
    presets_only: bool,
}

/// What is trained, where and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Training {
    preset: String,
    settings: Vec<String>,
    seed: u64,
    isa: String,
    machine: String,
}

/// A finished run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FinishedTraining {
    #[serde(flatten)]
    training: Training,
    /// After the last step: on the validation set or, without one, on the test set.
    accuracy: f64,
    /// From the start of the process to its exit.
    seconds: f64,
}

/// A row of a table: the trainings of which it is the mean.
struct MeasuredChange {
    name: String,
    trainings: Vec<Training>,
}

/// Trains what has no finished run on this machine, and writes the tables. To repeat runs, remove their lines from
/// `docs/fast99.jsonl`.
///
/// # Errors
///
/// If Gradus does not build, a run fails, or a file cannot be written.
pub(crate) fn run(args: &Fast99Args) -> anyhow::Result<()> {
    let mut done: Vec<FinishedTraining> = json_lines::read(RUNS)?;
    let [presets, changes] = [presets(), changes()];
    if !args.table_only {
        binary::build(Profile::Release)?;
        let changes = changes.iter().filter(|_| !args.presets_only);
        for training in presets.iter().chain(changes).flat_map(|row| &row.trainings) {
            if done.iter().all(|run| run.training != *training) {
                let run = train(training.clone())?;
                eprintln!("{}", serde_json::to_string(&run)?);
                json_lines::append(RUNS, &run)?;
                done.push(run);
            }
        }
    }
    let page = fs::read_to_string(PAGE).context(PAGE)?;
    let page = replaced(&page, PRESETS_MARK, &table("preset", "test", &presets, &done))?;
    let page = replaced(&page, CHANGES_MARK, &table("change", "validation", &changes, &done))?;
    fs::write(PAGE, page).context(PAGE)
}

/// Both presets on the test set, with each instruction set of the machine that has vectors.
fn presets() -> Vec<MeasuredChange> {
    let sets = || Isa::available().filter(|isa| *isa != Isa::Portable);
    let rows = PRESETS.iter().flat_map(|(preset, seeds)| {
        sets().map(move |isa| {
            let name = format!("`{preset}`, {}", isa.name());
            MeasuredChange { name, trainings: trainings(preset, &[], seeds, isa) }
        })
    });
    rows.collect()
}

/// Every change on the validation set, with the instruction set in use; then `fast994`.
fn changes() -> Vec<MeasuredChange> {
    let row = |name: &str, preset, settings: &[&str], seeds| {
        let settings = [&[VALIDATION], settings].concat();
        MeasuredChange {
            name: name.to_owned(),
            trainings: trainings(preset, &settings, &seeds, Isa::current()),
        }
    };
    let changes = CHANGES.iter().map(|(name, settings)| row(name, "fast99", settings, SEEDS));
    changes.chain([row("`fast994`, unchanged", "fast994", &[], 101..=110)]).collect()
}

fn trainings(
    preset: &str,
    settings: &[&str],
    seeds: &RangeInclusive<u64>,
    isa: Isa,
) -> Vec<Training> {
    let training = |seed| Training {
        preset: preset.to_owned(),
        settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
        seed,
        isa: isa.name().to_owned(),
        machine: machine::name(),
    };
    seeds.clone().map(training).collect()
}

fn train(training: Training) -> anyhow::Result<FinishedTraining> {
    let folder = tempfile::tempdir()?;
    let mut gradus = Command::new(binary::path(Profile::Release)?);
    gradus.args(["train", &training.preset, "--json", "--seed", &training.seed.to_string()]);
    gradus.arg("--run").arg(folder.path().join("run")).env("GRADUS_ISA", &training.isa);
    for setting in &training.settings {
        gradus.args(["--set", setting]);
    }
    let begin = Instant::now();
    let summary = process::read(&mut gradus)?;
    let seconds = begin.elapsed().as_secs_f64();
    let summary: Value = serde_json::from_str(&summary)?;
    let part = if summary["validation"].is_null() { "test" } else { "validation" };
    let accuracy = summary[part]["accuracy"].as_f64().context("a run has an accuracy")?;
    Ok(FinishedTraining { training, accuracy, seconds })
}

fn table(what: &str, part: &str, rows: &[MeasuredChange], done: &[FinishedTraining]) -> String {
    let mut table = format!(
        "{}.\n\n| {what} | seeds | {part} accuracy | standard error | lowest to highest | seconds |\n|---|---|---|---|---|---|\n",
        machine::name()
    );
    for MeasuredChange { name, trainings } in rows {
        let of_row = |run: &&FinishedTraining| trainings.contains(&run.training);
        let runs: Vec<&FinishedTraining> = done.iter().filter(of_row).collect();
        let accuracies: Vec<f64> = runs.iter().map(|run| run.accuracy).collect();
        let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        let cells = mean_and_error(&accuracies).zip(bounds(&accuracies)).zip(median(&seconds));
        let cells = cells.map(|(([mean, error], [low, high]), seconds)| {
            format!(
                "{} | **{mean:.4}** | {error:.5} | {low:.4} to {high:.4} | {seconds:.2}",
                runs.len()
            )
        });
        let cells = cells.unwrap_or_else(|| "0 | not run yet | | |".to_owned());
        table += &format!("| {name} | {cells} |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gradus::runs::Experiment;
    use gradus::runs::presets::find;

    use super::*;

    #[test]
    fn every_change_is_an_experiment_of_its_own() {
        let preset = find("fast99").unwrap();
        let experiment = |(_, settings): &(&str, &[&str])| {
            let settings = [&[VALIDATION], *settings].concat();
            let settings = settings.iter().filter_map(|setting| setting.split_once('='));
            let settings: Vec<_> =
                settings.map(|(path, value)| (path.to_owned(), value.to_owned())).collect();
            Experiment::parse_with("fast99.toml", preset.text, &settings).unwrap().to_text()
        };
        let texts: BTreeSet<String> = CHANGES.iter().map(experiment).collect();
        assert_eq!(texts.len(), CHANGES.len());
    }

    #[test]
    fn a_row_is_the_mean_of_its_own_runs() {
        let row = changes().remove(0);
        let run = |seed: usize, accuracy, seconds| {
            let training = row.trainings[seed].clone();
            FinishedTraining { training, accuracy, seconds }
        };
        let mut other = run(2, 0.5, 9.0);
        other.training.settings.clear();
        let done = [run(0, 0.992, 1.0), run(1, 0.99, 2.0), other];
        let table = table("change", "validation", &[row], &done);
        assert!(
            table.ends_with("| none | 2 | **0.9910** | 0.00100 | 0.9900 to 0.9920 | 1.50 |\n"),
            "{table}"
        );
    }
}
