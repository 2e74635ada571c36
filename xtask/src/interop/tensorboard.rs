//! Event files in the Python package `tensorboard`: a run that is trained, stopped and resumed, written while it is trained
//! and from its log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::graph::Pool;
use gradus::runs::{Experiment, RunFolder, StoppedRun};
use gradus::studio::open_data;
use gradus::tensorboard::{TensorBoard, export};
use gradus::train::{Recorder, Trainer};
use serde::{Deserialize, Serialize};

use super::{FOLDER, process, python};

const EXPERIMENT: &str = r#"
[data]
source = "mnist"
limit = 600
validation = 100

[model]
input = [28, 28, 1]
layers = [
  { kind = "conv2d", filters = 6, kernel = 5, stride = 2 }, "batch_norm", "relu", "flatten",
  { kind = "dropout", rate = 0.2 }, { kind = "linear", units = 10 },
]

[train]
optimizer = "adam"
schedule = { kind = "constant", learning_rate = 0.01 }
ema = {}
batch = 50
steps = 120
evaluate_every = 20
checkpoint_every = 50
"#;
/// The step of the checkpoint that the run continues from: what was written of later ones no longer counts.
const CONTINUED: u64 = 50;

/// What `tensorboard_files.py` compares.
#[derive(Serialize)]
struct AskedFiles<'a> {
    log: PathBuf,
    folders: Vec<&'a Path>,
    settings: Vec<(String, String)>,
    sample_shape: [usize; 3],
    filters: FilterImage,
}

/// The first layer's weights, and the size of their picture: enlarged to 40 pixels, six side by side.
#[derive(Serialize)]
struct FilterImage {
    path: &'static str,
    size: [usize; 2],
}

/// What it answers: for each folder and each kind of value.
#[derive(Deserialize)]
struct AnsweredFiles {
    version: String,
    answers: Vec<BTreeMap<String, FoundValues>>,
}

#[derive(Deserialize)]
struct FoundValues {
    expected: usize,
    found: usize,
    equal: usize,
}

/// Compares everything and prints a table.
///
/// # Errors
///
/// If something is not found, is too much, or has another value.
pub(super) fn compare() -> anyhow::Result<()> {
    let requirements = format!("{FOLDER}/requirements-tensorboard.txt");
    let python = python::environment(&process::cache("interop-tensorboard")?, &requirements)?;
    let scratch = tempfile::tempdir()?;
    let [run, live, later] = ["runs/digits", "live", "later"].map(|name| scratch.path().join(name));
    let experiment = Experiment::parse("digits.toml", EXPERIMENT)?;
    let settings = record(experiment, &run, &live)?;
    export(&run, &later, open_data)?;
    let folders = [&live, &later].map(|board| board.join("digits"));
    let asked = AskedFiles {
        log: run.join("events.jsonl"),
        folders: folders.iter().map(|folder| &**folder).collect(),
        settings,
        sample_shape: [28, 28, 1],
        filters: FilterImage { path: "1.conv2d.weight", size: [40, 6 * 42 - 2] },
    };
    let files = ["asked.json", "answers.json"].map(|name| scratch.path().join(name));
    fs::write(&files[0], serde_json::to_string(&asked)?)?;
    let script = format!("{FOLDER}/tensorboard_files.py");
    process::run(Command::new(python).arg(script).args(&files))?;
    let text = fs::read_to_string(&files[1]).context("answers.json")?;
    let AnsweredFiles { version, answers } = serde_json::from_str(&text).context("answers.json")?;
    ensure!(answers.len() == folders.len(), "{} answers", answers.len());
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut is_equal = true;
    for (written, answer) in
        ["while trained, then resumed", "from the log"].into_iter().zip(&answers)
    {
        for (kind, FoundValues { expected, found, equal }) in answer {
            is_equal &= *expected > 0 && expected == found && expected == equal;
            let counts = [expected, found, equal].map(ToString::to_string);
            rows.push([written.to_owned(), kind.clone()].into_iter().chain(counts).collect());
        }
    }
    let headings = ["<written", "<values", ">in the log", ">found", ">equal"];
    table::write(&mut std::io::stdout(), headings, &rows)?;
    println!("tensorboard {version}");
    ensure!(is_equal, "event files differ from the log");
    Ok(())
}

/// Trains to the end, and again from a checkpoint. Returns the settings of the run.
fn record(
    experiment: Experiment,
    run: &Path,
    board: &Path,
) -> anyhow::Result<Vec<(String, String)>> {
    let parts = open_data(&experiment.data)?;
    let mut trainer = Trainer::new(experiment, parts.clone(), Pool::new(2))?;
    let create = |continues| {
        TensorBoard::create(board, run, continues, |error, _| {
            panic!("writing event files: {error}")
        })
    };
    let recorder = Recorder::new(RunFolder::create(run, &trainer.saved().experiment)?);
    let mut recorder = recorder.with_log_observer(create(false)?);
    trainer.run(None, &mut [&mut recorder]);
    recorder.finish()?;
    let stopped = StoppedRun::open(run)?;
    let state = stopped.state(Some(CONTINUED))?;
    let mut trainer = Trainer::new(state.experiment(), parts, Pool::new(2))?;
    trainer.resume(state)?;
    let recorder = Recorder::resume(stopped, &trainer)?;
    let mut recorder = recorder.with_log_observer(create(true)?);
    trainer.run(None, &mut [&mut recorder]);
    recorder.finish()?;
    Ok(trainer.saved().experiment.settings())
}
