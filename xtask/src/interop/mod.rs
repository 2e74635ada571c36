//! `cargo xtask interop`: the numbers of Gradus beside those of PyTorch, in f64, its files in other programs, and those of others
//! here.
//!
//! Cases are random graphs, single layers and losses (loss, prediction, all gradients), and optimizers with schedules
//! (every loss and rate, the last parameters). Each becomes a description in JSON, from which `pytorch.py` builds the
//! same thing in PyTorch.

mod case;
mod comparison;
mod import;
mod networks;
mod onnx;
mod onnx_case;
mod onnx_rows;
mod tensorboard;
mod training;

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use serde::Deserialize;

use self::case::{Case, NumbersByName};
use self::comparison::{Comparison, TOLERANCE};
use self::onnx::OnnxPrograms;
use crate::{process, python};

const FOLDER: &str = "xtask/src/interop";

/// What `pytorch.py` writes.
#[derive(Deserialize)]
struct Answers {
    version: String,
    answers: Vec<Result<NumbersByName, String>>,
}

/// What is compared.
#[derive(clap::Args)]
pub(crate) struct InteropArgs {
    /// With what [default: all].
    #[arg(long, value_enum)]
    only: Option<InteropPeer>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum InteropPeer {
    /// Training with PyTorch.
    Pytorch,
    /// ONNX files in other programs.
    Onnx,
    /// ONNX files in tract and rten.
    OnnxRuntimes,
    /// Event files in TensorBoard.
    Tensorboard,
    /// Files of other programs here.
    Import,
}

/// Compares all cases and prints tables.
///
/// # Errors
///
/// If numbers differ, if a comparison would not notice it, or if a peer cannot be installed or run.
pub(crate) fn run(args: &InteropArgs) -> anyhow::Result<()> {
    let is_chosen = |peer| args.only.is_none_or(|only| only == peer);
    if is_chosen(InteropPeer::Onnx) {
        onnx::compare(OnnxPrograms::Onnxruntime)?;
    }
    if is_chosen(InteropPeer::OnnxRuntimes) {
        onnx::compare(OnnxPrograms::Runtimes)?;
    }
    if is_chosen(InteropPeer::Tensorboard) {
        tensorboard::compare()?;
    }
    if is_chosen(InteropPeer::Import) {
        import::compare()?;
    }
    if is_chosen(InteropPeer::Pytorch) {
        compare_with_pytorch()?;
    }
    Ok(())
}

/// Runs ONNX files in other programs; returns what is missing on this machine if it cannot.
pub(crate) fn run_onnx_if_installed() -> anyhow::Result<Option<String>> {
    if !process::is_installed("python3") {
        return Ok(Some("python3 is not installed".into()));
    }
    onnx::compare(OnnxPrograms::Onnxruntime)?;
    Ok(None)
}

fn compare_with_pytorch() -> anyhow::Result<()> {
    let python =
        python::environment(&process::cache("interop")?, &format!("{FOLDER}/requirements.txt"))?;
    let cases = [networks::cases()?, training::cases()?].concat();
    let Answers { version, answers } = ask(&python, &cases)?;
    ensure!(answers.len() == cases.len(), "{} cases, {} answers", cases.len(), answers.len());
    let comparisons: Vec<_> =
        cases.iter().zip(&answers).map(|(case, answer)| Comparison::new(case, answer)).collect();
    let rows: Vec<_> = comparisons.iter().map(Comparison::row).collect();
    let headings = ["<case", ">numbers", ">worst error", "<of", ">mutants caught", "<"];
    table::write(&mut std::io::stdout(), headings, &rows)?;
    let failed = comparisons.iter().filter(|comparison| !comparison.passes()).count();
    let (n, n_numbers) = (cases.len(), comparisons.iter().map(|c| c.n_numbers).sum::<usize>());
    println!("{n_numbers} numbers of {n} cases, PyTorch {version}, tolerance {TOLERANCE:.0e}");
    ensure!(failed == 0, "{failed} of {n} cases differ, or would hide a difference");
    Ok(())
}

fn ask(python: &str, cases: &[Case]) -> anyhow::Result<Answers> {
    let folder = tempfile::tempdir()?;
    let [asked, answered] = ["cases.json", "answers.json"].map(|name| folder.path().join(name));
    let descriptions: Vec<_> = cases.iter().map(|case| &case.description).collect();
    fs::write(&asked, serde_json::to_string(&descriptions)?)?;
    let script = format!("{FOLDER}/pytorch.py");
    process::run(Command::new(python).arg(script).args([&asked, &answered]))?;
    let text = fs::read_to_string(&answered).context("answers.json")?;
    serde_json::from_str(&text).context("answers.json")
}
