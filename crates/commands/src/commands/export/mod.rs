//! `export`: write a trained model or a run for other programs, a file for each form.

mod event_file;
mod onnx_file;
mod static_crate;
mod weight_files;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use self::event_file::EventFileArgs;
use self::onnx_file::OnnxFileArgs;
use self::static_crate::StaticCrateArgs;
pub(super) use self::weight_files::SchemeArg;
use self::weight_files::WeightFilesArgs;
use crate::model::read_model;
use crate::output::thousands;

/// Write a trained model for other programs: as a network that they run, as source, its weights under their names, or its run
/// as event files.
///
/// ONNX: opset 17; the first axis is a batch of any size. The input are the features of the network, after all transforms
/// of the data: pixels that were scaled, columns that were standardised; with --with-transforms an input for each column, before
/// them. Dropout is left out, batch normalisation becomes part of the layer before it.
///
/// Rust: a crate without dependencies that needs no standard library and allocates nothing, with the bits of Gradus in portable
/// arithmetic (GRADUS_ISA=portable), a C interface and samples to test itself. It takes rows of the data as they are, where
/// their transforms are not those of pictures.
///
/// Weights: axes and, behind a flattened image, features are in the order of the other program.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["onnx", "rust", "safetensors", "npz", "tensorboard"])))]
pub(crate) struct ExportArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    #[command(flatten)]
    onnx: OnnxFileArgs,

    #[command(flatten)]
    static_crate: StaticCrateArgs,

    #[command(flatten)]
    weights: WeightFilesArgs,

    #[command(flatten)]
    events: EventFileArgs,
}

pub(crate) fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let ExportArgs { model, onnx, static_crate, weights, events } = args;
    // Of a run in progress, which has no model yet, too.
    events.write(model, out)?;
    if onnx.is_asked() || static_crate.is_asked() || weights.is_asked() {
        let saved = read_model(model)?;
        onnx.write(&saved, out)?;
        static_crate.write(model, &saved, out)?;
        weights.write(&saved, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_file(file: &Path, bytes: &[u8], out: &mut dyn Write) -> anyhow::Result<()> {
    files::write_whole(file, bytes).with_context(|| format!("writing {}", file.display()))?;
    Ok(writeln!(out, "{}: {} bytes", file.display(), thousands(bytes.len() as u64))?)
}
