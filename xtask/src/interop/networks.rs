//! Cases of networks: random graphs, and each layer and loss in a small one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use gradus::graph::{Compile, Graph, Program, RunArgs, Tensor, Tensors};
use gradus::nn::layers::dropout::Dropout;
use gradus::nn::{LayerInput, LayerKind, LayerSummary, Loss, Mode, Network, Objective};
use gradus::runs::Experiment;
use random_networks::{RandomTrial, SEEDS, network, parse};
use serde_json::{Value, json};

use super::case::{Case, Numbers, described, described_tensor, magnitude, settings_of};

/// Gradients of a parameter that are smaller than this share of the largest of all are compared with that share: behind
/// a normalisation that takes its effect away, a bias has a gradient of rounding errors only.
const SHARE: f64 = 1e-4;

/// Each layer on images, rows or words, with odd sizes and every form of its settings.
const LAYERS: &[(&[usize], &str)] = &[
    (&[6], "{ kind = 'linear', units = 5 }"),
    (&[6], "{ kind = 'linear', units = 1, bias = false }"),
    (&[6], "{ kind = 'linear', units = 5, parametrization = 'ntk' }"),
    (&[6], "'feature_scale'"),
    (&[5, 7, 3], "'feature_scale'"),
    (&[5, 7, 3], "{ kind = 'conv2d', filters = 4, kernel = 3 }"),
    (
        &[5, 7, 3],
        "{ kind = 'conv2d', filters = 4, kernel = [2, 3], stride = [2, 1], padding = 'same' }",
    ),
    (&[8, 9, 12], "{ kind = 'conv2d', filters = 13, kernel = 5, padding = 'same' }"),
    (
        &[5, 7, 3],
        "{ kind = 'conv2d', filters = 1, kernel = 3, stride = 2, padding = [1, 0, 0, 2], bias = false }",
    ),
    (&[5, 7, 3], "{ kind = 'depthwise_conv2d', kernel = 3, padding = 'same' }"),
    (
        &[5, 7, 2],
        "{ kind = 'depthwise_conv2d', kernel = [2, 3], multiplier = 3, stride = 2, padding = 1 }",
    ),
    (&[1, 1, 5], "{ kind = 'depthwise_conv2d', kernel = 1, bias = false }"),
    (&[5, 7, 2], "{ kind = 'max_pool2d', size = 2 }"),
    (&[5, 7, 2], "{ kind = 'max_pool2d', size = [3, 2], stride = [1, 2], padding = 'same' }"),
    (&[5, 7, 2], "{ kind = 'avg_pool2d', size = [2, 3], padding = 'same' }"),
    (&[5, 7, 2], "{ kind = 'avg_pool2d', size = 3, stride = 2, padding = 1 }"),
    (&[5, 7, 2], "'global_avg_pool2d'"),
    (&[1, 1, 3], "'global_avg_pool2d'"),
    (&[6], "'batch_norm'"),
    (&[5, 7, 3], "{ kind = 'batch_norm', scale = false, epsilon = 0.01 }"),
    (&[5, 7, 3], "{ kind = 'batch_norm', freeze = true }"),
    (&[6], "'layer_norm'"),
    (&[5, 7, 3], "'layer_norm'"),
    (&[5, 7, 3], "{ kind = 'layer_norm', axes = 3, epsilon = 0.01 }"),
    (&[4, 5], "{ kind = 'layer_norm', axes = 2, offset = false }"),
    (&[5, 7, 6], "{ kind = 'group_norm', groups = 3 }"),
    (&[5, 7, 6], "{ kind = 'group_norm', groups = 6, scale = false }"),
    (&[9], "{ kind = 'group_norm', groups = 3, offset = false, epsilon = 0.01 }"),
    (&[4], "{ kind = 'embedding', count = 9, features = 5 }"),
    (&[1], "{ kind = 'embedding', count = 2, features = 1 }"),
    (&[5, 7, 2], "'add', from = ['input', 'input']"),
    (&[6], "'add', from = ['input']"),
    (&[5, 7, 2], "'concat', from = ['input', 'input']"),
    (&[5, 7, 2], "'concat', axis = 1, from = ['input']"),
    (&[5, 7, 2], "'concat', axis = 2, from = ['1.conv2d', 'input']"),
    (&[6], "{ kind = 'dropout', rate = 0.4 }"),
    (&[5, 7, 2], "{ kind = 'dropout', rate = 0.4, scaling = 'at_evaluation' }"),
    (&[5, 7, 2], "'flatten'"),
    (&[6], "'relu'"),
    (&[5, 7, 2], "{ kind = 'leaky_relu', slope = 0.3 }"),
    (&[6], "'sigmoid'"),
    (&[6], "'tanh'"),
    (&[6], "'softplus'"),
    (&[6], "'softmax'"),
    (&[5, 7, 3], "'softmax'"),
    (&[6], "'gelu'"),
    (&[5, 7, 2], "{ kind = 'gelu', form = 'tanh' }"),
    (&[6], "'silu'"),
    (&[6], "'elu'"),
    (&[5, 7, 2], "{ kind = 'elu', alpha = 0.7 }"),
    (&[6], "'selu'"),
    (&[6], "'mish'"),
    (&[6], "'hard_swish'"),
];

/// Each loss, with a number of outputs.
const LOSSES: &[(usize, &str)] = &[
    (4, "'cross_entropy'"),
    (4, "{ kind = 'cross_entropy', label_smoothing = 0.2 }"),
    (4, "'cross_entropy_of_probabilities'"),
    (4, "'binary_cross_entropy'"),
    (1, "'binary_cross_entropy'"),
    (4, "'mean_squared_error'"),
    (1, "'mean_squared_error'"),
    (4, "'half_squared_error'"),
    (4, "'mean_absolute_error'"),
    (4, "'huber'"),
    (4, "{ kind = 'huber', delta = 0.3 }"),
    (4, "'hinge'"),
    (1, "'hinge'"),
];

/// A network with a name, and the seed of its numbers.
pub(super) struct NamedNetwork {
    pub(super) name: String,
    pub(super) network: Network,
    pub(super) seed: u64,
}

/// Random graphs, and each layer in a network.
///
/// # Errors
///
/// If a layer has no case.
pub(super) fn networks() -> anyhow::Result<Vec<NamedNetwork>> {
    let graphs = SEEDS.map(|seed| {
        let network = network(seed);
        let name = format!("graph {seed} of {} layers", network.layers.len());
        NamedNetwork { name, network, seed }
    });
    let mut kinds: BTreeSet<&str> = LayerKind::NAMES.iter().copied().collect();
    let layers = LAYERS.iter().map(|(input, layer)| {
        let network = around(input, layer);
        for layer in &network.layers {
            kinds.remove(layer.kind.name());
        }
        let name = layer.replace(['\'', '{', '}'], "").replace("kind = ", "");
        NamedNetwork { name: format!("{} on {input:?}", name.trim()), network, seed: 1 }
    });
    let all = graphs.chain(layers).collect();
    ensure!(kinds.is_empty(), "{}: expected a case for {kinds:?}", file!());
    Ok(all)
}

/// Random graphs, layers and losses.
///
/// # Errors
///
/// If a layer or a loss has no case.
pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let networks = networks()?.into_iter().map(|NamedNetwork { name, network, seed }| {
        case(name, &network, &Objective::default(), seed)
    });
    let mut kinds: BTreeSet<&str> = Loss::NAMES.iter().copied().collect();
    let losses = LOSSES.iter().map(|(outputs, text)| {
        let loss = parse_loss(text)?;
        kinds.remove(loss.name());
        let last = if text.contains("probabilities") { ", 'softmax'" } else { "" };
        let layers =
            format!("{{ kind = 'linear', units = 5 }}, 'tanh', {{ kind = 'linear', units = {outputs} }}{last}");
        let name = format!("{}, {outputs} outputs", text.replace(['\'', '{', '}'], "").trim());
        let objective = Objective { loss, ..Objective::default() };
        case(name.replace("kind = ", ""), &parse(&[4], &layers), &objective, 1)
    });
    let losses: Vec<_> = losses.collect();
    ensure!(kinds.is_empty(), "{}: expected a case for {kinds:?}", file!());
    networks.chain(losses).collect()
}

fn parse_loss(text: &str) -> anyhow::Result<Loss> {
    let text =
        format!("[model]\ninput = [1]\nlayers = ['relu']\n[train]\nsteps = 1\nloss = {text}");
    Ok(Experiment::parse("loss", &text)?.train.loss)
}

/// A network in which parameters before the layer feel its gradient, and all its outputs count.
fn around(input: &[usize], layer: &str) -> Network {
    let channels = input.last().expect("an input has an axis");
    let first = match input.len() {
        _ if layer.contains("embedding") => String::new(),
        1 => format!("{{ kind = 'linear', units = {channels} }}, "),
        3 => format!("{{ kind = 'conv2d', filters = {channels}, kernel = 1 }}, "),
        // Nothing with parameters keeps two axes.
        _ => "'tanh', ".to_owned(),
    };
    let layer = match layer.split_once(',') {
        Some((kind, settings)) if kind.starts_with('\'') => {
            format!("{{ kind = {kind}, {settings} }}")
        }
        _ => layer.to_owned(),
    };
    parse(input, &format!("{first}{layer}, 'flatten', {{ kind = 'linear', units = 3 }}"))
}

/// The description of a network for `pytorch.py`, with all its numbers.
pub(super) fn describe(
    network: &Network,
    trial: &RandomTrial<f64>,
    loss: &Loss,
) -> anyhow::Result<Value> {
    let model = &trial.model;
    let layers = model.layers.iter().zip(&network.layers).map(|(summary, layer)| {
        let mut table = settings_of(layer)?;
        let statistics = model.running_statistics.iter().find(|statistics| {
            statistics.path.strip_prefix(&summary.path).is_some_and(|rest| rest.starts_with('.'))
        });
        let statistics = statistics
            .map(|s| described(&[2, s.channels], &trial.running_statistics[s.range.clone()]));
        let inputs = summary.inputs.iter().map(|input| match *input {
            LayerInput::Samples => None,
            LayerInput::Layer(i) => Some(i),
        });
        let inputs: Vec<Option<usize>> = inputs.collect();
        let factors = match &layer.kind {
            LayerKind::Dropout(settings) => {
                Some(described_tensor(&dropout_factors(trial, summary, settings)?))
            }
            _ => None,
        };
        let others = json!({
            "path": summary.path,
            "inputs": inputs,
            "is_frozen": layer.freeze,
            "running_statistics": statistics,
            "factors": factors,
        });
        let entries = table.as_object_mut().context("a layer is a table")?;
        entries.extend(others.as_object().context("a table")?.clone());
        Ok(table)
    });
    let layers: Vec<Value> = layers.collect::<anyhow::Result<_>>()?;
    let parameters = model.parameters.iter().map(|spec| {
        let mut described = described(&spec.shape, &trial.parameters[spec.range.clone()]);
        described["is_frozen"] = spec.is_frozen.into();
        (spec.path.clone(), described)
    });
    Ok(json!({
        "layers": layers,
        "parameters": parameters.collect::<BTreeMap<_, _>>(),
        "loss": settings_of(loss)?,
        "samples": described_tensor(&trial.samples),
        "targets": described_tensor(&trial.targets),
    }))
}

fn case(name: String, network: &Network, objective: &Objective, seed: u64) -> anyhow::Result<Case> {
    /// Samples: enough that a variance over them is not degenerate.
    const BATCH: usize = 7;
    let trial = |mode| RandomTrial::<f64>::new(network, objective, mode, BATCH, seed);
    let (trained, evaluated) = (trial(Mode::Train), trial(Mode::Evaluate));
    let values = |trial: &RandomTrial<f64>| {
        let keep = vec![trial.model.prediction];
        let program = trial.run(&Compile { keep, ..Compile::default() });
        let prediction = program.value(trial.model.prediction).context("a kept value")?;
        Ok::<_, anyhow::Error>((program, prediction.values().to_vec()))
    };
    let ((program, prediction), (_, evaluation)) = (values(&trained)?, values(&evaluated)?);
    let gradients = program.gradients();
    let least = SHARE * magnitude(gradients);
    let mut found = BTreeMap::from([
        ("loss".to_owned(), Numbers::new(vec![program.scalar(trained.model.loss)])),
        ("prediction".to_owned(), Numbers::new(prediction)),
        ("evaluation".to_owned(), Numbers::new(evaluation)),
    ]);
    for spec in &trained.model.parameters {
        let values = gradients[spec.range.clone()].to_vec();
        found.insert(format!("gradient of {}", spec.path), Numbers::at_least(values, least));
    }
    let description = describe(network, &trained, &objective.loss)?;
    Ok(Case { name, description, found })
}

/// What a dropout layer multiplies each value by. They depend on the number of its node, so that a graph with a dropout at
/// the same place shows them.
fn dropout_factors(
    trial: &RandomTrial<f64>,
    layer: &LayerSummary,
    settings: &Dropout,
) -> anyhow::Result<Tensor<f64>> {
    let mut graph = Graph::<f64>::new();
    let x = graph.input("ones", layer.output.clone());
    while graph.nodes().len() < layer.node.index() {
        graph.scalar(0.0);
    }
    let y = graph.dropout(x, settings.rate, settings.scaling)?;
    let options = Compile { batch: trial.batch(), keep: vec![y], ..Compile::default() };
    let mut program = Program::new(graph, &options)?;
    let ones = Tensor::full(layer.output.with_batch(trial.batch()), 1.0);
    let inputs = Tensors(&[&ones]);
    program.run(&RunArgs { inputs: &inputs, seed: trial.seed(), ..RunArgs::default() });
    program.value(y).context("a kept value")
}
