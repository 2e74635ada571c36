//! Networks that PyTorch wrote, read here: the same logits, gradients and losses; and the node tests of the package `onnx`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::graph::{Compile, Program, RunArgs, Tensor, Tensors};
use gradus::nn::optim::{MAX_STATE, Optimizer, ParameterRule, StepInfo, momentum::Momentum};
use gradus::nn::{InputRole, Mode, Model, Objective};
use gradus::onnx::{ImportedNetwork, read_network, readable_operators};
use gradus::weights::{NameScheme, WeightPlan, read_safetensors};
use serde::Deserialize;

use super::{FOLDER, process, python};

/// The largest difference of logits, relative to the largest.
const LOGITS: f64 = 1e-5;
/// That of gradients, relative to the largest of their tensor.
const GRADIENTS: f64 = 1e-4;
/// That of the losses of a training.
const LOSSES: f64 = 1e-4;
/// That of the node tests, relative to the largest number: they have 32 bits, and so have we.
const NODES: f64 = 1e-5;

/// What `import_networks.py` writes.
#[derive(Deserialize)]
struct WrittenNetworks {
    version: String,
    cases: Vec<WrittenNetwork>,
    training: WrittenTraining,
}

#[derive(Deserialize)]
struct WrittenNetwork {
    name: String,
    files: Vec<String>,
    weights: String,
    samples: WrittenArray,
    labels: Vec<f32>,
    logits: WrittenArray,
    loss: f64,
    gradients: BTreeMap<String, WrittenArray>,
}

#[derive(Deserialize)]
struct WrittenTraining {
    name: String,
    samples: WrittenArray,
    labels: Vec<f32>,
    batch: usize,
    losses: Vec<f64>,
}

#[derive(Deserialize)]
struct WrittenArray {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// What `node_tests.py` writes.
#[derive(Deserialize)]
struct NodeTests {
    version: String,
    cases: Vec<NodeTest>,
}

#[derive(Deserialize)]
struct NodeTest {
    operator: String,
    file: String,
    shape: Vec<usize>,
    samples: Vec<f64>,
    expected: Vec<f64>,
}

/// Compares all networks and node tests and prints tables.
///
/// # Errors
///
/// If numbers differ, or a network cannot be read.
pub(super) fn compare() -> anyhow::Result<()> {
    let requirements = format!("{FOLDER}/requirements-import.txt");
    let python = python::environment(&process::cache("interop")?, &requirements)?;
    let folder = tempfile::tempdir()?;
    let script = |name: &str| format!("{FOLDER}/{name}");
    process::run(Command::new(&python).arg(script("import_networks.py")).arg(folder.path()))?;
    compare_networks(folder.path())?;
    let operators = readable_operators().collect::<Vec<_>>().join(",");
    let mut nodes = Command::new(&python);
    process::run(nodes.arg(script("node_tests.py")).arg(folder.path()).arg(operators))?;
    compare_nodes(folder.path())
}

fn compare_networks(folder: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(folder.join("cases.json")).context("cases.json")?;
    let WrittenNetworks { version, cases, training } = serde_json::from_str(&text)?;
    let mut rows = Vec::new();
    let mut n_wrong = 0;
    let mut trained = None;
    for case in &cases {
        for file in &case.files {
            let imported = read_network(&fs::read(folder.join(file))?)
                .with_context(|| format!("{file}: reading"))?;
            let compared = ComparedNetwork::of(case, &imported)?;
            n_wrong += usize::from(!compared.passes());
            rows.push(compared.row(file));
            if *file == case.files[0] {
                let imported = with_weights(&imported, &fs::read(folder.join(&case.weights))?)
                    .with_context(|| format!("{}: reading", case.weights))?;
                let compared = ComparedNetwork::of(case, &imported)?;
                n_wrong += usize::from(!compared.passes());
                rows.push(compared.row(&case.weights));
                if case.name == training.name {
                    trained = Some(imported);
                }
            }
        }
    }
    let headings = ["<file", ">layers", ">logits", ">loss", ">gradients", "<"];
    table::write(&mut std::io::stdout(), headings, &rows)?;
    println!(
        "{} files, PyTorch {version}, tolerances: logits {LOGITS:.0e}, gradients {GRADIENTS:.0e}",
        rows.len()
    );
    let worst = training_difference(&training, trained.context("the network that is trained")?)?;
    let n = training.losses.len();
    println!(
        "{}: the losses of {n} steps of SGD with momentum differ by at most {worst:.1e}, tolerance {LOSSES:.0e}",
        training.name
    );
    ensure!(n_wrong == 0 && worst <= LOSSES, "{n_wrong} of {} files differ", rows.len());
    Ok(())
}

/// How far a network is from what PyTorch computes.
struct ComparedNetwork {
    n_layers: usize,
    logits: f64,
    loss: f64,
    /// None where the file has other parameters than the network had, such as those of a convolution with the normalisation
    /// behind it.
    gradients: Option<f64>,
}

impl ComparedNetwork {
    fn of(case: &WrittenNetwork, imported: &ImportedNetwork) -> anyhow::Result<Self> {
        let model = model(imported, Mode::Evaluate)?;
        let samples = case.samples.as_samples();
        let batch = case.labels.len();
        let keep = vec![model.prediction];
        let options = Compile { batch, loss: Some(model.loss), keep, ..Compile::default() };
        let mut program = Program::new(model.graph.clone(), &options)?;
        let inputs = inputs(&model, imported, &samples, &case.labels);
        let inputs: Vec<_> = inputs.iter().collect();
        let parameters = &imported.parameters[..];
        program.run(&RunArgs { parameters, inputs: &Tensors(&inputs), ..RunArgs::default() });
        let logits = program.value(model.prediction).context("a kept value")?;
        let plan = WeightPlan::new(&imported.network, &model, NameScheme::Torch)?;
        let gradients = plan.tensors(program.gradients(), &imported.running_statistics);
        // The name of a layer has no dots.
        let plain = |name: &str| name.replace('.', "_");
        let by_name: BTreeMap<_, _> =
            gradients.iter().map(|tensor| (plain(&tensor.name), &tensor.values)).collect();
        let differences = case.gradients.iter().map(|(name, expected)| {
            let found = by_name.get(&plain(name)).filter(|it| it.len() == expected.values.len())?;
            Some(difference(found, &expected.values))
        });
        let differences = differences.collect::<Option<Vec<_>>>();
        Ok(Self {
            n_layers: imported.network.layers.len(),
            logits: difference(logits.values(), &case.logits.values),
            loss: (f64::from(program.scalar(model.loss)) - case.loss).abs(),
            gradients: differences.map(|all| all.into_iter().fold(0.0, f64::max)),
        })
    }

    fn passes(&self) -> bool {
        let has_gradients = self.gradients.is_none_or(|worst| worst <= GRADIENTS);
        self.logits <= LOGITS && self.loss <= LOGITS && has_gradients
    }

    fn row(&self, file: &str) -> Vec<String> {
        let number = |value: f64| format!("{value:.1e}");
        vec![
            file.to_owned(),
            self.n_layers.to_string(),
            number(self.logits),
            number(self.loss),
            self.gradients.map_or("–".to_owned(), number),
            if self.passes() { "" } else { "DIFFERS" }.to_owned(),
        ]
    }
}

/// The network with the weights of a `state_dict`.
fn with_weights(imported: &ImportedNetwork, bytes: &[u8]) -> anyhow::Result<ImportedNetwork> {
    let model = model(imported, Mode::Evaluate)?;
    let plan = WeightPlan::new(&imported.network, &model, NameScheme::Torch)?;
    let taken = plan.take(&read_safetensors(bytes)?)?;
    ensure!(taken.parameters == imported.parameters, "expected the parameters of the ONNX file");
    let (parameters, running_statistics) = (taken.parameters, taken.running_statistics);
    Ok(ImportedNetwork { parameters, running_statistics, ..imported.clone() })
}

fn model(imported: &ImportedNetwork, mode: Mode) -> anyhow::Result<Model<f32>> {
    let (network, target) = (&imported.network, gradus::graph::Shape::batch([]));
    Ok(network.model(mode, &Objective::default(), network.outputs()?, target)?)
}

fn inputs(
    model: &Model<f32>,
    imported: &ImportedNetwork,
    samples: &Tensor<f32>,
    labels: &[f32],
) -> Vec<Tensor<f32>> {
    let of_role = |role: &InputRole| match *role {
        InputRole::Samples => samples.clone(),
        InputRole::Targets => Tensor::new([labels.len()], labels),
        InputRole::RunningStatistics(i) => {
            let statistics = &model.running_statistics[i];
            let values = &imported.running_statistics[statistics.range.clone()];
            Tensor::new([2, statistics.channels], values)
        }
    };
    model.inputs.iter().map(of_role).collect()
}

/// The largest difference of the losses of a training.
fn training_difference(
    training: &WrittenTraining,
    mut imported: ImportedNetwork,
) -> anyhow::Result<f64> {
    let model = model(&imported, Mode::Train)?;
    let batch = training.batch;
    let options = Compile { batch, loss: Some(model.loss), ..Compile::default() };
    let mut program = Program::new(model.graph.clone(), &options)?;
    let optimizer = Optimizer::from(Momentum { momentum: 0.9 });
    let optimizer = optimizer.as_dyn::<f32>();
    let rules: Vec<_> = model.parameters.iter().map(ParameterRule::from).collect();
    let samples = training.samples.as_samples();
    let sample_len = samples.values().len() / training.labels.len();
    let mut state = [(); MAX_STATE].map(|()| vec![0.0; imported.parameters.len()]);
    let mut worst: f64 = 0.0;
    for (step, expected) in (0..).zip(&training.losses) {
        let of_step = step * batch..(step + 1) * batch;
        let values = &samples.values()[of_step.start * sample_len..of_step.end * sample_len];
        let shape = [&[batch], &samples.shape()[1..]].concat();
        let labels = &training.labels[of_step];
        let inputs = inputs(&model, &imported, &Tensor::new(shape, values), labels);
        let inputs: Vec<_> = inputs.iter().collect();
        let parameters = &imported.parameters[..];
        program.run(&RunArgs { parameters, inputs: &Tensors(&inputs), ..RunArgs::default() });
        worst = worst.max((f64::from(program.scalar(model.loss)) - expected).abs());
        let info = StepInfo::new(0.05, step as u64 + 1);
        for rule in &rules {
            let range = rule.range.clone();
            let state = state.each_mut().map(|vector| &mut vector[range.clone()]);
            let gradients = &program.gradients()[range.clone()];
            optimizer.update(&rule.step(&info), &mut imported.parameters[range], gradients, state);
        }
    }
    Ok(worst)
}

fn compare_nodes(folder: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(folder.join("nodes.json")).context("nodes.json")?;
    let NodeTests { version, cases } = serde_json::from_str(&text)?;
    let mut passed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let (mut n_passed, mut n_wrong) = (0, 0);
    for case in &cases {
        match read_network(&fs::read(&case.file)?) {
            Ok(imported) => match difference_of_node(case, &imported) {
                Ok(worst) if worst <= NODES => {
                    n_passed += 1;
                    *passed.entry(&case.operator).or_default() += 1;
                }
                found => {
                    n_wrong += 1;
                    println!("{}: DIFFERS: {found:?}", case.file);
                }
            },
            Err(error) => {
                reasons.entry(reason(&error.to_string())).or_default().push(&case.operator);
            }
        }
    }
    let rows: Vec<_> = reasons
        .iter()
        .map(|(reason, operators)| {
            let mut names = operators.clone();
            names.dedup();
            vec![operators.len().to_string(), reason.clone(), names.join(", ")]
        })
        .collect();
    table::write(&mut std::io::stdout(), [">tests", "<not read, since", "<operators"], &rows)?;
    let names: Vec<_> = passed.iter().map(|(name, n)| format!("{name} {n}")).collect();
    println!("passed: {}", names.join(", "));
    println!("{n_passed} of {} node tests of onnx {version} pass, {n_wrong} differ", cases.len());
    ensure!(n_wrong == 0, "{n_wrong} node tests differ");
    Ok(())
}

/// A message without what differs from case to case: its last line, behind the name, without numbers and names.
fn reason(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default().trim();
    let text = last.split_once(": ").map_or(last, |(_, why)| why);
    let mut plain = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '…' } else { c };
        if c != '…' || !plain.ends_with('…') {
            plain.push(c);
        }
    }
    while let Some(at) = plain.find("…, …") {
        plain.replace_range(at..at + "…, …".len(), "…");
    }
    plain
}

fn difference_of_node(case: &NodeTest, imported: &ImportedNetwork) -> anyhow::Result<f64> {
    let model = model(imported, Mode::Evaluate)?;
    let samples = WrittenArray { shape: case.shape.clone(), values: case.samples.clone() };
    let samples = samples.as_samples();
    let batch = samples.shape()[0];
    let options = Compile { batch, keep: vec![model.prediction], ..Compile::default() };
    let mut program = Program::new(model.graph.clone(), &options)?;
    let inputs = inputs(&model, imported, &samples, &vec![0.0; batch]);
    let inputs: Vec<_> = inputs.iter().collect();
    let parameters = &imported.parameters[..];
    program.run(&RunArgs { parameters, inputs: &Tensors(&inputs), ..RunArgs::default() });
    let found = program.value(model.prediction).context("a kept value")?;
    ensure!(found.values().len() == case.expected.len(), "another number of outputs");
    // A softmax at the end is left out, which is said.
    let is_logits = !imported.notes.is_empty();
    let found = match &*case.operator {
        "Softmax" if is_logits => log_probabilities(&found).into_iter().map(f64::exp).collect(),
        "LogSoftmax" if is_logits => log_probabilities(&found),
        _ => found.values().iter().copied().map(f64::from).collect::<Vec<f64>>(),
    };
    let found: Vec<f32> = found.into_iter().map(|value| value as f32).collect();
    Ok(difference(&found, &case.expected))
}

/// The logarithms of the probabilities for logits.
fn log_probabilities(logits: &Tensor<f32>) -> Vec<f64> {
    let rows = logits.values().chunks_exact(logits.shape()[1]);
    let of_row = |row: &[f32]| {
        let row: Vec<f64> = row.iter().copied().map(f64::from).collect();
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum = row.iter().map(|logit| (logit - largest).exp()).sum::<f64>();
        row.into_iter().map(move |logit| logit - largest - sum.ln())
    };
    rows.flat_map(of_row).collect()
}

/// The largest difference, relative to the largest number.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |most, value| value.abs().max(most));
    let differences = found.iter().zip(expected);
    let differences = differences.map(|(found, expected)| (f64::from(*found) - expected).abs());
    // A NaN is the largest.
    let worst = differences.fold(0.0, |most: f64, it| if it <= most { most } else { it });
    worst / largest
}

impl WrittenArray {
    /// Samples as a network here takes them: images with their channels last.
    fn as_samples(&self) -> Tensor<f32> {
        let values: Vec<f32> = self.values.iter().map(|&value| value as f32).collect();
        let tensor = Tensor::new(&self.shape, values);
        if self.shape.len() == 4 { tensor.transposed(&[0, 2, 3, 1]) } else { tensor }
    }
}
