//! The layers of a graph in the order of a network, and their numbers in its vectors.

use std::collections::{HashMap, HashSet};

use graph::Shape;
use nn::layers::Dropout;
use nn::{Layer, LayerInput, LayerKind, Mode, Model, Network, Objective};

use super::layers::{GraphReader, LayerDraft, OnnxValue};
use super::view::ValueView;
use super::{ImportError, ImportedNetwork, loss_of};

/// The most characters of the name of a layer.
const MAX_NAME: usize = 64;

/// The network of the layers that were read.
pub(super) fn assemble(mut reader: GraphReader<'_>) -> Result<ImportedNetwork, ImportError> {
    let output = output(&mut reader)?;
    let input = reader.input_shape();
    let GraphReader { mut layers, notes, file, last, .. } = reader;
    for draft in &mut layers {
        if let Some(affine) = draft.affine.take() {
            affine.finish(draft);
        }
    }
    let order = in_order(&mut layers, output);
    let described = described(&layers, &order).into_iter();
    let network = described.fold(Network::builder(input), |network, layer| network.layer(layer));
    let network = network.build()?;
    let outputs = network.outputs()?;
    let model = network.model(Mode::Evaluate, &Objective::default(), outputs, Shape::batch([]))?;
    let drafts: HashMap<&str, &LayerDraft> = model
        .layers
        .iter()
        .zip(&order)
        .map(|(summary, &index)| (&*summary.path, &layers[index]))
        .collect();
    let (parameters, running_statistics) = numbers(&model, &drafts)?;
    let weights = order.iter().map(|&index| layers[index].weight_name.clone());
    Ok(ImportedNetwork {
        parameters,
        running_statistics,
        classes: file.classes.clone(),
        loss: loss_of(last, outputs, file.classes.len() > 1),
        weights: weights.collect(),
        notes,
        network,
    })
}

/// What gives the output of the graph as a row of numbers.
fn output(reader: &mut GraphReader<'_>) -> Result<LayerInput, ImportError> {
    let name = &reader.file.output;
    let refuse =
        |why: &str| Err(ImportError::Unsupported(vec![format!("the output {name:?}: {why}")]));
    let Ok(OnnxValue::Features(x)) = reader.named(name) else {
        return refuse("it depends on no sample");
    };
    let len = x.view.len();
    if x.is_whole {
        return refuse("its numbers are whole, expected logits or values");
    }
    if x.view.reshaped(&[len]) != Some(ValueView::row_major(&[len])) {
        let dims = x.view.dims();
        return refuse(&format!("its samples have the shape {dims:?}, expected [outputs]"));
    }
    Ok(reader.flattened(x).source)
}

/// The layers that the output depends on, each behind what it takes. A layer that merges stands behind the first output that it
/// takes, if necessary by a dropout of nothing.
fn in_order(layers: &mut Vec<LayerDraft>, output: LayerInput) -> Vec<usize> {
    let mut order = Vec::new();
    let mut is_placed = HashSet::new();
    let mut open = vec![output];
    while let Some(&source) = open.last() {
        let LayerInput::Layer(index) = source else {
            open.pop();
            continue;
        };
        if is_placed.contains(&index) {
            open.pop();
            continue;
        }
        let is_missing =
            |input: &&LayerInput| matches!(input, LayerInput::Layer(at) if !is_placed.contains(at));
        let missing: Vec<_> = layers[index].inputs.iter().filter(is_missing).copied().collect();
        if missing.is_empty() {
            open.pop();
            is_placed.insert(index);
            place(layers, &mut order, index);
        } else {
            // What is taken first is placed last.
            open.extend(missing);
        }
    }
    order
}

/// Puts a layer behind those that are placed.
fn place(layers: &mut Vec<LayerDraft>, order: &mut Vec<usize>, index: usize) {
    let before = order.last().map_or(LayerInput::Samples, |&last| LayerInput::Layer(last));
    let draft = &mut layers[index];
    if draft.inputs.len() > 1 && draft.inputs[0] != before {
        let is_sum = matches!(draft.kind, LayerKind::Add(_));
        match draft.inputs.iter().position(|&input| input == before).filter(|_| is_sum) {
            Some(at) => draft.inputs.rotate_left(at),
            None => {
                let first = draft.inputs[0];
                let shape = match first {
                    LayerInput::Layer(first) => layers[first].shape.clone(),
                    LayerInput::Samples => Vec::new(),
                };
                order.push(layers.len());
                layers[index].inputs[0] = LayerInput::Layer(layers.len());
                layers.push(LayerDraft::new(Dropout::new(0.0), vec![first], shape));
            }
        }
    }
    order.push(index);
}

/// The layers as they are written, with the names that the file gives them.
fn described(layers: &[LayerDraft], order: &[usize]) -> Vec<Layer> {
    let mut used = HashSet::new();
    let mut paths: HashMap<usize, String> = HashMap::new();
    let mut described = Vec::new();
    for (number, &index) in (1..).zip(order) {
        let draft = &layers[index];
        let name = draft.weight_name.as_deref().and_then(layer_name);
        let name = name.filter(|name| used.insert(name.clone()));
        let path = |input: &LayerInput| match input {
            LayerInput::Samples => "input".to_owned(),
            LayerInput::Layer(at) => paths[at].clone(),
        };
        let before = match number {
            1 => LayerInput::Samples,
            _ => LayerInput::Layer(order[number - 2]),
        };
        let from = match &draft.inputs[..] {
            [only] if *only == before => Vec::new(),
            [only] => vec![path(only)],
            several => several[1..].iter().map(path).collect(),
        };
        let layer =
            Layer { name, from, freeze: draft.is_frozen, ..Layer::from(draft.kind.clone()) };
        paths.insert(index, layer.path(number));
        described.push(layer);
    }
    described
}

/// The name of a layer after its weight: `fc1` of `fc1.weight`, `layer1_0_conv` of `layer1.0.conv.weight`; none where a number or
/// the name of another program's node is all there is.
fn layer_name(weight: &str) -> Option<String> {
    let (stem, part) = weight.rsplit_once(['.', '/'])?;
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let is_of_gradus = stem
        .split_once('.')
        .is_some_and(|(number, kind)| is_number(number) && LayerKind::NAMES.contains(&kind));
    let name = stem.replace(['.', '/'], "_");
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ['_', '-'].contains(&c);
    let holds = ["weight", "kernel", "gamma", "scale", "table"].contains(&part)
        && !is_of_gradus
        && !is_number(stem)
        && name != "input"
        && (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(is_allowed);
    holds.then_some(name)
}

/// The parameter vector and the running statistics.
fn numbers(
    model: &Model<f32>,
    drafts: &HashMap<&str, &LayerDraft>,
) -> Result<(Vec<f32>, Vec<f32>), ImportError> {
    let mut parameters = Vec::new();
    for spec in &model.parameters {
        let found = drafts[spec.layer()].parameters.iter().find(|(part, _)| *part == spec.part());
        let (part, values) = found.expect("every layer has the parameters of its kind");
        check(spec.layer(), part, values, |value| value.is_finite())?;
        parameters.extend(values);
    }
    let mut statistics = Vec::new();
    for running in &model.running_statistics {
        let (layer, _) = running.path.rsplit_once('.').unwrap_or_default();
        let values = drafts[layer].statistics.as_ref().expect("batch normalisation has statistics");
        let (means, variances) = values.split_at(running.channels);
        check(layer, "running means", means, |value| value.is_finite())?;
        check(layer, "running variances", variances, |value| value.is_finite() && value >= 0.0)?;
        statistics.extend(values);
    }
    Ok((parameters, statistics))
}

/// An error if a number is not as it must be.
fn check(
    layer: &str,
    part: &'static str,
    values: &[f32],
    holds: impl Fn(f32) -> bool,
) -> Result<(), ImportError> {
    match values.iter().position(|&value| !holds(value)) {
        None => Ok(()),
        Some(index) => Err(ImportError::NotFinite {
            layer: layer.to_owned(),
            part,
            index,
            value: values[index],
        }),
    }
}
