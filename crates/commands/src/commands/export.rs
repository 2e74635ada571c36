//! `export`: write a trained model for other programs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use gradus::data::readers::npz;
use gradus::onnx::{ImageLayout, OnnxOptions, to_onnx};
use gradus::runs::SavedModel;
use gradus::weights::{NameScheme, NumberArray, WeightPlan, write_safetensors};

use crate::model::read_model;
use crate::output::thousands;

/// Write a trained model for other programs: as a network that they run, or its weights under their names.
///
/// ONNX: opset 17; the first axis is a batch of any size. The input are the features of the network, after all transforms
/// of the data: pixels that were scaled, columns that were standardised. Dropout is left out, batch normalisation becomes
/// part of the layer before it.
///
/// Weights: axes and, behind a flattened image, features are in the order of the other program.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["onnx", "safetensors", "npz"])))]
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

    /// Write the weights as safetensors.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Write the weights as arrays of NumPy.
    #[arg(long, value_name = "FILE")]
    npz: Option<PathBuf>,

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
    let saved = read_model(&args.model)?;
    let mut write = |file: &Path, bytes: Vec<u8>| {
        files::write_whole(file, &bytes).with_context(|| format!("writing {}", file.display()))?;
        writeln!(out, "{}: {} bytes", file.display(), thousands(bytes.len() as u64))?;
        anyhow::Ok(())
    };
    if let Some(file) = &args.onnx {
        write(file, to_onnx(&saved, &OnnxOptions { layout: args.image_layout.into() })?)?;
    }
    let weights = |default| weights(&saved, args.names.map_or(default, NameScheme::from));
    if let Some(file) = &args.safetensors {
        write(file, write_safetensors(&weights(NameScheme::Torch)?)?)?;
    }
    if let Some(file) = &args.npz {
        let arrays = weights(NameScheme::Book)?;
        write(file, npz::write_arrays(&file.display().to_string(), &arrays)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn weights(saved: &SavedModel, scheme: NameScheme) -> anyhow::Result<Vec<NumberArray>> {
    let model = saved.model()?;
    let plan = WeightPlan::new(&saved.experiment.model, &model, scheme)?;
    Ok(plan.tensors(&saved.parameters, &saved.running_statistics))
}
