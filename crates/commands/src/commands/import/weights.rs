//! Weights beside a network: safetensors files and NPZ archives.

use std::io::Write;

use anyhow::{Context as _, bail, ensure};
use diagnostics::table;
use gradus::data::readers::npz;
use gradus::nn::Mode;
use gradus::runs::SavedModel;
use gradus::weights::{NameScheme, NumberArray, TakenWeights, WeightPlan, read_safetensors};

use super::{ImportArgs, check_samples, is_safetensors, with_data};

/// The model of the network of `--network` with the weights of a file.
pub(super) fn read(
    args: &ImportArgs,
    bytes: &[u8],
    out: &mut dyn Write,
) -> anyhow::Result<SavedModel> {
    let tensors = tensors(&args.name(), bytes).with_context(|| args.name())?;
    let detected = NameScheme::of_names(tensors.iter().map(|tensor| &*tensor.name));
    let Some(scheme) = args.names.map(NameScheme::from).or(detected) else {
        let found: Vec<&str> = tensors.iter().take(5).map(|tensor| &*tensor.name).collect();
        bail!(
            "{}: expected names such as `fc1.weight`, `dense/kernel` or `W1`, found {}",
            args.name(),
            found.join(", ")
        );
    };
    let (experiment, parts) = args.experiment()?.with_context(|| {
        format!(
            "{}: weights do not say which network they are of; give the experiment that describes it, --network FILE.toml",
            args.name()
        )
    })?;
    check_samples(&experiment, &parts)?;
    let model = experiment.network(Mode::Evaluate)?;
    let plan = WeightPlan::new(&experiment.model, &model, scheme)?;
    let TakenWeights { parameters, running_statistics, layers } =
        plan.take(&tensors).with_context(|| args.name())?;
    let saved = with_data(experiment, &parts, parameters, running_statistics)?;
    let rows: Vec<[String; 2]> =
        layers.into_iter().map(|taken| [taken.layer, taken.found]).collect();
    table::write(out, ["<layer", "<weights"], &rows)?;
    Ok(saved)
}

/// The tensors of a file, by what its bytes are.
fn tensors(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<NumberArray>> {
    if is_safetensors(bytes) {
        return Ok(read_safetensors(bytes)?);
    }
    ensure!(
        bytes.starts_with(b"PK"),
        "expected an ONNX file, a safetensors file or an NPZ archive"
    );
    Ok(npz::read_arrays(name, bytes)?)
}
