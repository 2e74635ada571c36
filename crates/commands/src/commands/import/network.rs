//! A network with its weights: ONNX files.

use std::io::Write;
use std::mem::take;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use diagnostics::table;
use gradus::data::{Dataset, Features, FittedTransforms, Targets};
use gradus::nn::layers::Flatten;
use gradus::nn::{Layer, Loss, Mode};
use gradus::onnx::{ImportedNetwork, read_network};
use gradus::runs::sources::none::NoData;
use gradus::runs::{Experiment, SavedModel};

use super::{ImportArgs, check_samples, with_data};

/// The model of the network of a file, with the data of `--network` or without any.
pub(super) fn read(
    args: &ImportArgs,
    bytes: &[u8],
    out: &mut dyn Write,
) -> anyhow::Result<SavedModel> {
    let mut imported = read_network(bytes).with_context(|| args.name())?;
    let experiment = args.experiment()?;
    if let Some((_, parts)) = &experiment {
        take_images(&mut imported, parts.train.sample_shape());
    }
    let (weights, notes) = (take(&mut imported.weights), take(&mut imported.notes));
    let saved = match experiment {
        Some((experiment, parts)) => {
            let experiment = Experiment { model: imported.network, ..experiment };
            experiment
                .model_for::<f32>(Mode::Evaluate, &parts.train)
                .with_context(|| args.name())?;
            check_samples(&experiment, &parts)?;
            with_data(experiment, &parts, imported.parameters, imported.running_statistics)?
        }
        None => without_data(&args.file, imported)?,
    };
    let model = saved.model()?;
    let layers = model.layers.iter().zip(weights).filter(|(layer, _)| layer.parameters > 0);
    let rows = layers.map(|(layer, name)| [layer.path.clone(), name.unwrap_or_default()]);
    table::write(out, ["<layer", "<weights"], &rows.collect::<Vec<_>>())?;
    for note in &notes {
        writeln!(out, "{note}")?;
    }
    Ok(saved)
}

/// Puts a flatten layer before a network that takes rows, where the data are images of one channel with as many pixels.
fn take_images(imported: &mut ImportedNetwork, shape: &[usize]) {
    let network = &mut imported.network;
    let is_image = matches!(shape, [_, _, 1]) && network.input == [shape.iter().product::<usize>()];
    if is_image && network.layers.iter().all(|layer| layer.from.is_empty()) {
        network.input = shape.to_vec();
        network.layers.insert(0, Layer::from(Flatten {}));
        imported.weights.insert(0, None);
    }
}

/// A model whose features are what goes in.
fn without_data(file: &Path, imported: ImportedNetwork) -> anyhow::Result<SavedModel> {
    let ImportedNetwork { network, parameters, running_statistics, classes, loss, .. } = imported;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .collect();
    let outputs = network.outputs()?;
    let targets = match &loss {
        Loss::CrossEntropy(_) | Loss::BinaryCrossEntropy(_) => {
            Targets::Labels { values: Vec::new(), classes: loss.classes(outputs) }
        }
        _ => Targets::Values { values: Vec::new(), width: outputs },
    };
    let nothing = Dataset::new(&*name, &*network.input, Features::F32(Vec::new()), targets)?;
    let mut transforms = FittedTransforms::of_dataset(&nothing)?;
    if classes.len() == loss.classes(outputs) && classes.len() > 1 {
        transforms = transforms.with_class_names(classes)?;
    }
    let experiment = Experiment::builder(network)
        .name(name)
        .source(NoData {})
        .loss(loss)
        .epochs(10.0)
        .build()?;
    Ok(SavedModel { experiment, transforms: Arc::new(transforms), parameters, running_statistics })
}
