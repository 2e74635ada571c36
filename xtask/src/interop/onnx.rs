//! ONNX files in other programs: every preset, each layer and random graphs, with random numbers, in both layouts of images,
//! and trained models that take rows as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::graph::Compile;
use gradus::nn::{Mode, Objective};
use gradus::onnx::{ImageLayout, OnnxOptions, TrainedNetwork};
use gradus::runs::presets;
use random_networks::RandomTrial;
use serde::Deserialize;

use super::networks::{NamedNetwork, networks};
use super::onnx_case::{ArrayText, BATCHES, OnnxBatch, OnnxCase};
use super::{FOLDER, onnx_rows, process, python};

/// The largest difference, relative to the largest output.
const TOLERANCE: f64 = 1e-5;

/// What `onnx.py` writes: the version of each program, and for each case and program the largest difference, or what went
/// wrong.
#[derive(Deserialize)]
struct OnnxAnswers {
    versions: BTreeMap<String, String>,
    answers: Vec<BTreeMap<String, Result<f64, String>>>,
}

/// The programs that run the files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnnxPrograms {
    /// onnxruntime, and the checker of the package `onnx`.
    Onnxruntime,
    /// tract and rten, which have no texts.
    Runtimes,
}

/// The folder of the program that runs files in rten.
const RTEN: &str = "bench/rten";

/// Compares all files and prints a table.
///
/// # Errors
///
/// If numbers differ, or a program refuses a file.
pub(super) fn compare(programs: OnnxPrograms) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cases = write_cases(folder.path())?;
    let asked = folder.path().join("cases.json");
    fs::write(&asked, serde_json::to_string(&cases)?)?;
    let answered = folder.path().join("answers.json");
    let OnnxAnswers { mut versions, mut answers } = match programs {
        OnnxPrograms::Onnxruntime => {
            ask("interop-onnx", &["onnx", "onnxruntime"], &asked, &answered)?
        }
        OnnxPrograms::Runtimes => ask("interop-tract", &["tract"], &asked, &answered)?,
    };
    if programs == OnnxPrograms::Runtimes {
        let (version, of_rten) = ask_rten(&asked, &answered)?;
        ensure!(of_rten.len() == answers.len(), "{} cases, {} answers", cases.len(), of_rten.len());
        versions.insert("rten".to_owned(), version);
        for (answers, answer) in answers.iter_mut().zip(of_rten) {
            answers.insert("rten".to_owned(), answer);
        }
    }
    ensure!(answers.len() == cases.len(), "{} cases, {} answers", cases.len(), answers.len());
    let is_expected = |case: &OnnxCase, answer: &Result<f64, String>| match answer {
        Ok(difference) => *difference <= TOLERANCE,
        Err(_) => programs == OnnxPrograms::Runtimes && case.has_texts(),
    };
    let rows = cases.iter().zip(&answers).map(|(case, answers)| {
        let cells = answers.values().map(|answer| match answer {
            Ok(difference) if is_expected(case, answer) => format!("{difference:.1e}"),
            Ok(difference) => format!("{difference:.1e}, DIFFERS"),
            Err(why) if is_expected(case, answer) => format!("not run: {why}"),
            Err(why) => format!("REFUSED: {why}"),
        });
        std::iter::once(case.name.clone()).chain(cells).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let names: Vec<String> = versions.keys().map(|name| format!("<{name}")).collect();
    let headings: Vec<&str> =
        std::iter::once("<network").chain(names.iter().map(|name| &**name)).collect();
    table::write(&mut std::io::stdout(), headings, &rows)?;
    println!("{} files, {versions:?}, tolerance {TOLERANCE:.0e}", cases.len());
    for program in versions.keys() {
        let found = answers.iter().filter_map(|answers| answers[program].as_ref().ok());
        let (count, worst) = found.fold((0, 0.0_f64), |(n, worst), &e| (n + 1, worst.max(e)));
        println!("{program}: ran {count} of {} files, largest difference {worst:.1e}", cases.len());
    }
    let is_wrong = |(case, answers): &(&OnnxCase, &BTreeMap<String, Result<f64, String>>)| {
        !answers.values().all(|answer| is_expected(case, answer))
    };
    let n_wrong = cases.iter().zip(&answers).filter(is_wrong).count();
    ensure!(n_wrong == 0, "{n_wrong} of {} files differ or are refused", cases.len());
    Ok(())
}

/// Writes all files, and returns what they are to answer.
fn write_cases(folder: &Path) -> anyhow::Result<Vec<OnnxCase>> {
    let presets = presets::ALL.iter().map(|preset| {
        let network = preset.experiment().model;
        NamedNetwork { name: preset.name.to_owned(), network, seed: 1 }
    });
    let mut files = onnx_rows::cases(folder)?;
    for named in presets.chain(networks()?) {
        let is_image = named.network.input.len() == 3;
        let layouts = [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast];
        for &layout in &layouts[..if is_image { 2 } else { 1 }] {
            files.push(case(&named, layout)?);
        }
    }
    let written = files.into_iter().enumerate().map(|(number, (file, case))| {
        let path = folder.join(format!("{number}.onnx"));
        fs::write(&path, file)?;
        Ok(OnnxCase { file: path.display().to_string(), ..case })
    });
    written.collect()
}

/// Asks programs that Python runs, in the environment of that name.
fn ask(
    environment: &str,
    programs: &[&str],
    asked: &Path,
    answered: &Path,
) -> anyhow::Result<OnnxAnswers> {
    let requirements =
        format!("{FOLDER}/requirements-{}.txt", environment.trim_start_matches("interop-"));
    let python = python::environment(&process::cache(environment)?, &requirements)?;
    let script = format!("{FOLDER}/onnx_files.py");
    process::run(Command::new(python).arg(script).args([asked, answered]).args(programs))?;
    let text = fs::read_to_string(answered).context("answers.json")?;
    serde_json::from_str(&text).context("answers.json")
}

/// Asks rten: its version, and for each case the largest difference, or what went wrong.
fn ask_rten(asked: &Path, answered: &Path) -> anyhow::Result<(String, Vec<Result<f64, String>>)> {
    let build = ["run", "--release", "--quiet", "--manifest-path"];
    let manifest = format!("{RTEN}/Cargo.toml");
    process::run(
        Command::new("cargo").args(build).arg(&manifest).arg("--").args([asked, answered]),
    )?;
    let tree = ["tree", "--depth", "1", "--prefix", "none", "--package", "rten", "--manifest-path"];
    let tree = process::read(Command::new("cargo").args(tree).arg(&manifest))?;
    let version = tree.lines().find_map(|line| line.strip_prefix("rten v"));
    let version = version.context("cargo tree: expected rten")?.to_owned();
    let answers = fs::read_to_string(answered).context("answers.json")?;
    Ok((version, serde_json::from_str(&answers).context("answers.json")?))
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
        rows: None,
    };
    let file = trained
        .to_onnx(&OnnxOptions { layout, ..OnnxOptions::default() })
        .with_context(|| name.clone())?;
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
        let named = |name: &str, array| BTreeMap::from([(name.to_owned(), array)]);
        let expected = named("output", ArrayText::of(&expected));
        Ok(OnnxBatch { inputs: named("input", samples), expected })
    });
    let batches = batches.into_iter().collect::<anyhow::Result<_>>()?;
    let name = format!("{name}, {}", layout.name());
    Ok((file, OnnxCase { name, file: String::new(), batches }))
}
