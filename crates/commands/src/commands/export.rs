//! `export`: write a trained model or a run for other programs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use gradus::data::readers::npz;
use gradus::onnx::{ImageLayout, OnnxOptions, to_onnx};
use gradus::runs::SavedModel;
use gradus::studio::open_data;
use gradus::tensorboard::{self, ExportedRun};
use gradus::weights::{NameScheme, NumberArray, WeightPlan, write_safetensors};

use crate::experiment::warn;
use crate::model::read_model;
use crate::output::thousands;

/// Write a trained model for other programs: as a network that they run, its weights under their names, or its run as event
/// files.
///
/// ONNX: opset 17; the first axis is a batch of any size. The input are the features of the network, after all transforms
/// of the data: pixels that were scaled, columns that were standardised; with --with-transforms an input for each column, before
/// them. Dropout is left out, batch normalisation becomes
/// part of the layer before it.
///
/// Weights: axes and, behind a flattened image, features are in the order of the other program.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["onnx", "safetensors", "npz", "tensorboard"])))]
pub(crate) struct ExportArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Write an ONNX file.
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,

    /// The order of the axes of images that go into the ONNX file; it stands in its metadata.
    #[arg(long, value_enum, value_name = "LAYOUT", default_value = "channels-first")]
    image_layout: LayoutArg,

    /// Take rows as they are in the data into the ONNX file, and give classes with probabilities, or numbers in the unit of the
    /// target.
    #[arg(long, requires = "onnx")]
    with_transforms: bool,

    /// Write the weights as safetensors.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Write the weights as arrays of NumPy.
    #[arg(long, value_name = "FILE")]
    npz: Option<PathBuf>,

    /// Write the log of a run directory to an event file of TensorBoard, in the subdirectory that has the name of the run.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,

    /// Whose names and layouts the weights get [default: torch; of an NPZ archive book].
    #[arg(long, value_enum, value_name = "SCHEME")]
    names: Option<SchemeArg>,
}

/// An order of axes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LayoutArg {
    /// Batch, channels, height, width: PyTorch.
    ChannelsFirst,
    /// Batch, height, width, channels: Keras.
    ChannelsLast,
}

impl From<LayoutArg> for ImageLayout {
    fn from(layout: LayoutArg) -> Self {
        match layout {
            LayoutArg::ChannelsFirst => Self::ChannelsFirst,
            LayoutArg::ChannelsLast => Self::ChannelsLast,
        }
    }
}

/// Whose names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum SchemeArg {
    /// PyTorch: `0.weight` in a `Sequential`, `fc1.weight` of a named layer.
    Torch,
    /// Keras: `dense/kernel`.
    Keras,
    /// "Deep Learning from Scratch": `W1`, `b1`.
    Book,
}

impl From<SchemeArg> for NameScheme {
    fn from(scheme: SchemeArg) -> Self {
        match scheme {
            SchemeArg::Torch => Self::Torch,
            SchemeArg::Keras => Self::Keras,
            SchemeArg::Book => Self::Book,
        }
    }
}

pub(crate) fn run(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &args.tensorboard {
        export_run(&args.model, directory, out)?;
    }
    if args.onnx.is_some() || args.safetensors.is_some() || args.npz.is_some() {
        export_model(args, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the event file of a run, which may be in progress: then it has no model yet.
fn export_run(run: &Path, directory: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    ensure!(
        run.is_dir(),
        "--tensorboard: expected a run directory, whose log is exported, found {}",
        run.display()
    );
    let ExportedRun { file, lines, samples } = tensorboard::export(run, directory, open_data)?;
    let samples = samples
        .iter()
        .map(|error| format!("no pictures of samples: {}", gradus::error_chain(error)));
    let lines = lines.iter().map(|line| format!("left out of the log: {line}"));
    warn(&lines.chain(samples).collect::<Vec<_>>());
    Ok(writeln!(out, "{}: {} bytes", file.display(), thousands(file.metadata()?.len()))?)
}

fn export_model(args: &ExportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let saved = read_model(&args.model)?;
    let mut write = |file: &Path, bytes: Vec<u8>| {
        files::write_whole(file, &bytes).with_context(|| format!("writing {}", file.display()))?;
        writeln!(out, "{}: {} bytes", file.display(), thousands(bytes.len() as u64))?;
        anyhow::Ok(())
    };
    if let Some(file) = &args.onnx {
        let (layout, with_transforms) = (args.image_layout.into(), args.with_transforms);
        write(file, to_onnx(&saved, &OnnxOptions { layout, with_transforms })?)?;
    }
    let weights = |default| weights(&saved, args.names.map_or(default, NameScheme::from));
    if let Some(file) = &args.safetensors {
        write(file, write_safetensors(&weights(NameScheme::Torch)?)?)?;
    }
    if let Some(file) = &args.npz {
        let arrays = weights(NameScheme::Book)?;
        write(file, npz::write_arrays(&file.display().to_string(), &arrays)?)?;
    }
    Ok(())
}

fn weights(saved: &SavedModel, scheme: NameScheme) -> anyhow::Result<Vec<NumberArray>> {
    let model = saved.model()?;
    let plan = WeightPlan::new(&saved.experiment.model, &model, scheme)?;
    Ok(plan.tensors(&saved.parameters, &saved.running_statistics))
}
