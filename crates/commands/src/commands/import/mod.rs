//! `import`: make a model of what another program trained.

mod network;
mod weights;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use gradus::runs::{Experiment, Parts, SavedModel};

use super::export::SchemeArg;
use crate::experiment::ExperimentArgs;

/// The most bytes of a file.
const MAX_BYTES: u64 = 16 << 30;

/// Make a model of what PyTorch, Keras or "Deep Learning from Scratch" trained.
///
/// An ONNX file holds the network; --network then gives the data, and so what the features are. Without it, what goes in are the
/// features as they are, and commands that need data say so. A softmax at the end is left out, since losses take logits.
///
/// Files of weights need --network. Each layer takes the tensors of its name: `fc1.weight` those of a layer called `fc1`,
/// `0.weight` in a `Sequential`, `dense/kernel`, `W1`. If names are others, layers take tensors of the right shapes in the order
/// of their names; the table says which. Axes and, behind a flattened image, features are put in the order that they have here.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// ONNX file, safetensors file or NPZ archive.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Preset or experiment file with the data and, for weights, the network.
    #[arg(long, value_name = "PRESET or FILE.toml")]
    network: Option<String>,

    /// The model to write.
    #[arg(long, short, value_name = "FILE.safetensors")]
    out: PathBuf,

    /// Write the experiment too, to train further: gradus train FILE.toml --start FILE.safetensors.
    #[arg(long, value_name = "FILE.toml")]
    experiment: Option<PathBuf>,

    /// Whose names and layouts weights have [default: what most names look like].
    #[arg(long, value_enum, value_name = "SCHEME")]
    names: Option<SchemeArg>,
}

pub(crate) fn run(args: &ImportArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let bytes = files::read(&args.file, MAX_BYTES).with_context(|| args.name())?;
    if !is_safetensors(&bytes)
        && let Some((what, python)) = foreign(&bytes)
    {
        let (name, python) = (args.name(), python.replace("FILE", &args.name()));
        bail!(
            "{name}: found {what}; these lines of Python make a file of it that can be read:\n{python}"
        );
    }
    let model = match is_onnx(&args.file, &bytes) {
        true => network::read(args, &bytes, out)?,
        false => weights::read(args, &bytes, out)?,
    };
    model.write(&args.out)?;
    writeln!(out, "{}", args.out.display())?;
    if let Some(file) = &args.experiment {
        files::write_whole(file, model.experiment.to_text().as_bytes())
            .with_context(|| format!("writing {}", file.display()))?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

impl ImportArgs {
    /// The file in messages.
    fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// The experiment of `--network` with its data; none without it.
    fn experiment(&self) -> anyhow::Result<Option<(Experiment, Parts)>> {
        let Some(network) = &self.network else { return Ok(None) };
        let experiment = ExperimentArgs { experiment: Some(network.clone()), set: Vec::new() };
        let read = experiment.read(&[])?;
        let parts = read.experiment.data.prepare(read.open_data()?)?;
        Ok(Some((read.experiment, parts)))
    }
}

/// An error unless the network of an experiment takes the samples of its data.
fn check_samples(experiment: &Experiment, parts: &Parts) -> anyhow::Result<()> {
    let (found, expected) = (parts.train.sample_shape(), &experiment.model.input);
    ensure!(
        found == expected,
        "{}: the network takes samples of {expected:?}, its data have {found:?}",
        experiment.name
    );
    Ok(())
}

/// A model of an experiment whose data are `parts`.
fn with_data(
    experiment: Experiment,
    parts: &Parts,
    parameters: Vec<f32>,
    running_statistics: Vec<f32>,
) -> anyhow::Result<SavedModel> {
    let transforms = Arc::clone(parts.transforms().context("prepared parts")?);
    Ok(SavedModel { experiment, transforms, parameters, running_statistics })
}

/// Whether a file is named as ONNX files are, or begins with the number of a version as they do.
fn is_onnx(file: &Path, bytes: &[u8]) -> bool {
    file.extension().is_some_and(|extension| extension == "onnx")
        || matches!(bytes, [0x08, 1..=32, ..]) && !is_safetensors(bytes)
}

/// Whether a file begins as safetensors do, with the length of a text in JSON. That may be the beginning of any other form.
fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// A file that runs code or needs another library: what it is, and how Python makes one of it that can be read.
fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const TORCH: &str = "  import torch, safetensors.torch\n  weights = torch.load('FILE', map_location='cpu', weights_only=True)\n  safetensors.torch.save_file({n: t.contiguous() for n, t in weights.items()}, 'FILE.safetensors')";
    const KERAS: &str = "  import keras, safetensors.numpy\n  model = keras.saving.load_model('FILE')\n  safetensors.numpy.save_file({f'{l.name}/{w.name}': w.numpy() for l in model.layers for w in l.weights}, 'FILE.safetensors')";
    const PICKLE: &str = "  import numpy, pickle\n  arrays = pickle.load(open('FILE', 'rb'))\n  numpy.savez('FILE.npz', **arrays)";
    let has = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    match bytes {
        [0x89, b'H', b'D', b'F', ..] => Some(("a file of HDF5, as Keras writes", KERAS)),
        [b'P', b'K', ..] if has(b"model.weights.h5") => Some(("a model of Keras", KERAS)),
        [b'P', b'K', ..] if has(b"/data.pkl") => {
            Some(("a file of PyTorch, which may run any code", TORCH))
        }
        [0x80, 1..=5, ..] => Some(("a pickle, which may run any code", PICKLE)),
        _ => None,
    }
}
