//! ONNX files in other programs: every preset, each layer and random graphs, with random numbers, in both layouts of images.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::graph::{Compile, Tensor};
use gradus::nn::{Mode, Objective};
use gradus::onnx::{ImageLayout, OnnxOptions, TrainedNetwork};
use gradus::runs::presets;
use random_networks::RandomTrial;
use serde::{Deserialize, Serialize};

use super::networks::{NamedNetwork, networks};
use super::{FOLDER, process, python};

/// The sizes of the batches.
const BATCHES: [usize; 3] = [1, 2, 7];
/// The largest difference, relative to the largest output.
const TOLERANCE: f64 = 1e-5;

/// A file, and what it is to answer.
#[derive(Serialize)]
struct OnnxCase {
    name: String,
    file: String,
    batches: Vec<OnnxBatch>,
}

#[derive(Serialize)]
struct OnnxBatch {
    samples: ArrayText,
    expected: ArrayText,
}

#[derive(Serialize)]
struct ArrayText {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// What `onnx.py` writes: the version of each program, and for each case and program the largest difference, or what went
/// wrong.
#[derive(Deserialize)]
struct OnnxAnswers {
    versions: BTreeMap<String, String>,
    answers: Vec<BTreeMap<String, Result<f64, String>>>,
}

/// Compares all files and prints a table.
///
/// # Errors
///
/// If numbers differ, or a program refuses a file.
pub(super) fn compare() -> anyhow::Result<()> {
    let requirements = format!("{FOLDER}/requirements-onnx.txt");
    let python = python::environment(&process::cache("interop-onnx")?, &requirements)?;
    let folder = tempfile::tempdir()?;
    let presets = presets::ALL.iter().map(|preset| {
        let network = preset.experiment().model;
        NamedNetwork { name: preset.name.to_owned(), network, seed: 1 }
    });
    let mut cases = Vec::new();
    for (number, named) in presets.chain(networks()?).enumerate() {
        let is_image = named.network.input.len() == 3;
        let layouts = [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast];
        for &layout in &layouts[..if is_image { 2 } else { 1 }] {
            let (file, case) = case(&named, layout)?;
            let path = folder.path().join(format!("{number}-{}.onnx", layout.name()));
            fs::write(&path, file)?;
            cases.push(OnnxCase { file: path.display().to_string(), ..case });
        }
    }
    let [asked, answered] = ["cases.json", "answers.json"].map(|name| folder.path().join(name));
    fs::write(&asked, serde_json::to_string(&cases)?)?;
    let script = format!("{FOLDER}/onnx_files.py");
    process::run(Command::new(python).arg(script).args([&asked, &answered]))?;
    let text = fs::read_to_string(&answered).context("answers.json")?;
    let OnnxAnswers { versions, answers } = serde_json::from_str(&text).context("answers.json")?;
    ensure!(answers.len() == cases.len(), "{} cases, {} answers", cases.len(), answers.len());
    let is_wrong = |answer: &Result<f64, String>| !answer.as_ref().is_ok_and(|&e| e <= TOLERANCE);
    let rows = cases.iter().zip(&answers).map(|(case, answers)| {
        let cells = answers.values().map(|answer| match answer {
            Ok(error) if !is_wrong(answer) => format!("{error:.1e}"),
            Ok(error) => format!("{error:.1e}, DIFFERS"),
            Err(why) => format!("REFUSED: {why}"),
        });
        std::iter::once(case.name.clone()).chain(cells).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let programs: Vec<String> = versions.keys().map(|name| format!("<{name}")).collect();
    let headings: Vec<&str> =
        std::iter::once("<network").chain(programs.iter().map(|name| &**name)).collect();
    table::write(&mut std::io::stdout(), headings, &rows)?;
    println!("{} files, {versions:?}, tolerance {TOLERANCE:.0e}", cases.len());
    let n_wrong = answers.iter().filter(|answers| answers.values().any(is_wrong)).count();
    ensure!(n_wrong == 0, "{n_wrong} of {} files differ or are refused", cases.len());
    Ok(())
}

/// A network as a file, and what it gives for random samples.
fn case(named: &NamedNetwork, layout: ImageLayout) -> anyhow::Result<(Vec<u8>, OnnxCase)> {
    let NamedNetwork { name, network, seed } = named;
    let trial = |batch| {
        RandomTrial::<f32>::new(network, &Objective::default(), Mode::Evaluate, batch, *seed)
    };
    let first = trial(1);
    let trained = TrainedNetwork {
        model: &first.model,
        parameters: &first.parameters,
        running_statistics: &first.running_statistics,
        classes: Vec::new(),
    };
    let file = trained.to_onnx(&OnnxOptions { layout }).with_context(|| name.clone())?;
    let batches = BATCHES.map(|batch| {
        let trial = trial(batch);
        let prediction = trial.model.prediction;
        let program = trial.run(&Compile { keep: vec![prediction], ..Compile::default() });
        let expected = program.value(prediction).context("a kept value")?;
        let samples = match (layout, trial.samples.shape().len()) {
            (ImageLayout::ChannelsFirst, 4) => {
                ArrayText::of(&trial.samples.transposed(&[0, 3, 1, 2]))
            }
            _ => ArrayText::of(&trial.samples),
        };
        Ok(OnnxBatch { samples, expected: ArrayText::of(&expected) })
    });
    let batches = batches.into_iter().collect::<anyhow::Result<_>>()?;
    let name = format!("{name}, {}", layout.name());
    Ok((file, OnnxCase { name, file: String::new(), batches }))
}

impl ArrayText {
    fn of(tensor: &Tensor<f32>) -> Self {
        Self { shape: tensor.shape().to_vec(), values: tensor.values().to_vec() }
    }
}
