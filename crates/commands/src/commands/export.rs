//! `export`: write a trained model for other programs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gradus::data::readers::npz;
use gradus::events::Part;
use gradus::graph::Pool;
use gradus::onnx::{ImageLayout, OnnxOptions, to_onnx};
use gradus::runs::{Evaluator, SavedModel};
use gradus::static_network::{
    RoundedMetric, StaticCrate, StaticCrateOptions, WeightFormat, crate_name,
};
use gradus::weights::{NameScheme, NumberArray, WeightPlan, write_safetensors};

use crate::experiment::warn;
use crate::model::read_model;
use crate::output::thousands;
use crate::threads::ThreadsArgs;

/// Write a trained model for other programs: as a network that they run, as source, or its weights under their names.
///
/// ONNX: opset 17; the first axis is a batch of any size. The input are the features of the network, after all transforms
/// of the data: pixels that were scaled, columns that were standardised. Dropout is left out, batch normalisation becomes
/// part of the layer before it.
///
/// Rust: a crate without dependencies that needs no standard library and allocates nothing, with the bits of Gradus in portable
/// arithmetic (GRADUS_ISA=portable), a C interface and samples to test itself. It takes rows of the data as they are, where
/// their transforms are not those of pictures.
///
/// Weights: axes and, behind a flattened image, features are in the order of the other program.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("files").required(true).multiple(true).args(["onnx", "rust", "safetensors", "npz"])))]
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

    /// Write a Rust crate into a folder that does not exist or is empty.
    #[arg(long, value_name = "FOLDER")]
    rust: Option<PathBuf>,

    /// The name of the crate [default: made from that of the model].
    #[arg(long, value_name = "NAME", requires = "rust")]
    name: Option<String>,

    /// How the crate stores weights. What 8-bit costs is measured on the test set and written into its README.md.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "32-bit", requires = "rust")]
    weights: FormatArg,

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

/// How weights are stored.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// As they are.
    #[value(name = "32-bit")]
    Float32,
    /// As whole numbers with a scale for each output.
    #[value(name = "8-bit")]
    Int8,
}

impl From<FormatArg> for WeightFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Float32 => Self::Float32,
            FormatArg::Int8 => Self::Int8,
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
    if let Some(folder) = &args.rust {
        write_crate(args, &saved, folder, out)?;
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

fn write_crate(
    args: &ExportArgs,
    saved: &SavedModel,
    folder: &Path,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let is_free =
        !folder.exists() || fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none());
    ensure!(
        is_free,
        "--rust: expected a folder that does not exist or is empty, found {}",
        folder.display()
    );
    let of_model = args.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = args.name.clone().unwrap_or_else(|| crate_name(&of_model));
    let options = StaticCrateOptions { name, weights: args.weights.into() };
    let mut written = StaticCrate::new(saved, &options)?;
    if let Some(rounded) = written.rounded() {
        match metric_changes(saved, rounded) {
            Ok(metrics) => written.set_metrics(metrics),
            Err(error) => warn(&[format!("what 8-bit weights cost was not measured: {error:#}")]),
        }
    }
    if let Some(why) = written.row_refusal() {
        warn(&[format!("the crate takes features only: {why}")]);
    }
    written.write(folder).with_context(|| format!("writing {}", folder.display()))?;
    writeln!(
        out,
        "{}: crate `{}`, {} bytes of weights, {} bytes of stack",
        folder.display(),
        options.name,
        thousands(written.weight_bytes() as u64),
        thousands(written.buffer_bytes() as u64)
    )?;
    Ok(())
}

/// The metrics on the test set with the weights as they are, and rounded.
fn metric_changes(saved: &SavedModel, rounded: &SavedModel) -> anyhow::Result<Vec<RoundedMetric>> {
    let experiment = &saved.experiment;
    let parts = experiment.data.open_fitted(Arc::clone(&saved.transforms), gradus::mnist)?;
    let test = parts.get(Part::Test).context("the run has no test set")?;
    let pool = Pool::new(ThreadsArgs::default().count());
    let mut evaluator = Evaluator::new(experiment, test)?;
    let mut metrics = |model| evaluator.evaluate(Some(&pool), test, model).metrics;
    let (before, after) = (metrics(saved), metrics(rounded));
    let changes = before.iter().filter_map(|(name, before)| {
        Some(RoundedMetric { name: name.to_owned(), before, after: after.get(name)? })
    });
    Ok(changes.collect())
}

fn weights(saved: &SavedModel, scheme: NameScheme) -> anyhow::Result<Vec<NumberArray>> {
    let model = saved.model()?;
    let plan = WeightPlan::new(&saved.experiment.model, &model, scheme)?;
    Ok(plan.tensors(&saved.parameters, &saved.running_statistics))
}
