//! `import`: make a model of weights that another program trained.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use diagnostics::table;
use gradus::data::readers::npz;
use gradus::nn::Mode;
use gradus::runs::SavedModel;
use gradus::weights::{NameScheme, NumberArray, TakenWeights, WeightPlan, read_safetensors};

use super::export::SchemeArg;
use crate::experiment::ExperimentArgs;

/// The most bytes of a file of weights.
const MAX_BYTES: u64 = 16 << 30;

/// Make a model of weights that PyTorch, Keras or "Deep Learning from Scratch" trained.
///
/// The network is that of an experiment, which also names the data, and so what the features are. Each layer takes the
/// tensors of its name: `fc1.weight` those of a layer called `fc1`, `0.weight` in a `Sequential`, `dense/kernel`, `W1`. If
/// names are others, layers take tensors of the right shapes in the order of their names; the table says which. Axes and, behind a
/// flattened image, features are put in the order that they have here.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Safetensors file or NPZ archive.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Preset or experiment file with the network.
    #[arg(long, value_name = "PRESET or FILE.toml")]
    network: String,

    /// The model to write.
    #[arg(long, short, value_name = "FILE.safetensors")]
    out: PathBuf,

    /// Whose names and layouts the file has [default: what most names look like].
    #[arg(long, value_enum, value_name = "SCHEME")]
    names: Option<SchemeArg>,
}

pub(crate) fn run(args: &ImportArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let name = || args.file.display().to_string();
    let tensors = read(&args.file).with_context(name)?;
    let detected = NameScheme::of_names(tensors.iter().map(|tensor| &*tensor.name));
    let Some(scheme) = args.names.map(NameScheme::from).or(detected) else {
        let found: Vec<&str> = tensors.iter().take(5).map(|tensor| &*tensor.name).collect();
        bail!(
            "{}: expected names such as `fc1.weight`, `dense/kernel` or `W1`, found {}",
            name(),
            found.join(", ")
        );
    };
    let experiment = ExperimentArgs { experiment: Some(args.network.clone()), set: Vec::new() };
    let read = experiment.read(&[])?;
    let parts = read.experiment.data.prepare(read.open_data()?)?;
    let (found, expected) = (parts.train.sample_shape(), &read.experiment.model.input);
    ensure!(
        found == expected,
        "{}: the network takes samples of {expected:?}, its data have {found:?}",
        args.network
    );
    let transforms = Arc::clone(parts.transforms().context("prepared parts")?);
    let experiment = read.experiment;
    let model = experiment.network(Mode::Evaluate)?;
    let plan = WeightPlan::new(&experiment.model, &model, scheme)?;
    let TakenWeights { parameters, running_statistics, layers } =
        plan.take(&tensors).with_context(name)?;
    SavedModel { experiment, transforms, parameters, running_statistics }.write(&args.out)?;
    let rows: Vec<[String; 2]> =
        layers.into_iter().map(|taken| [taken.layer, taken.found]).collect();
    table::write(out, ["<layer", "<weights"], &rows)?;
    writeln!(out, "{}", args.out.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The tensors of a file, by what its bytes are.
fn read(path: &Path) -> anyhow::Result<Vec<NumberArray>> {
    let bytes = files::read(path, MAX_BYTES)?;
    let file = path.display().to_string();
    if let Some((what, python)) = foreign(&bytes) {
        let python = python.replace("FILE", &file);
        bail!("found {what}; these lines of Python make a file of it that can be read:\n{python}");
    }
    if bytes.starts_with(b"PK") {
        return Ok(npz::read_arrays(&file, &bytes)?);
    }
    let is_safetensors = bytes.get(8) == Some(&b'{');
    ensure!(is_safetensors, "expected a safetensors file or an NPZ archive");
    Ok(read_safetensors(&bytes)?)
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
