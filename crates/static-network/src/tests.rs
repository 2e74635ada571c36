//! What written crates compute: compiled, and compared with Gradus bit by bit.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use graph::op::{BackwardPass, ForwardPass as OpPass, Op};
use graph::{Compile, Graph, NodeId, Tensor};
use kernels::Isa;
use nn::{Mode, Objective, TrainedGraph};
use random_networks::{RandomTrial, SEEDS, network, parse};

use super::*;
use crate::source::PassSource;

const SAMPLES: usize = 3;

/// A network with random numbers, and its predictions for some samples one by one.
struct WrittenCase {
    name: String,
    trials: Vec<RandomTrial<f32>>,
}

impl WrittenCase {
    fn new(
        name: &str,
        network: &nn::Network,
        change: impl Fn(&mut Graph<f32>, NodeId) -> NodeId,
    ) -> Self {
        let trials = (0..SAMPLES as u64).map(|seed| {
            let mut trial =
                RandomTrial::new(network, &Objective::default(), Mode::Evaluate, 1, seed);
            trial.model.prediction = change(&mut trial.model.graph, trial.model.prediction);
            trial
        });
        Self { name: name.to_owned(), trials: trials.collect() }
    }

    fn pass(&self) -> PassSource {
        let RandomTrial { model, parameters, running_statistics, .. } = &self.trials[0];
        let trained = TrainedGraph::new(model, parameters, running_statistics).unwrap();
        pass::write(trained, WeightFormat::Float32).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Bits of features and outputs.
    fn vectors(&self) -> Vec<[Vec<u32>; 2]> {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
        let first = &self.trials[0];
        let vectors = self.trials.iter().map(|trial| {
            let mut trial = trial.clone();
            trial.parameters.clone_from(&first.parameters);
            trial.running_statistics.clone_from(&first.running_statistics);
            let prediction = trial.model.prediction;
            let program = trial.run(&Compile { keep: vec![prediction], ..Compile::default() });
            [bits(trial.samples.values()), bits(program.value(prediction).unwrap().values())]
        });
        vectors.collect()
    }
}

fn same(_: &mut Graph<f32>, y: NodeId) -> NodeId {
    y
}

/// Layers, each in the forms that are written differently.
fn layers() -> Vec<WrittenCase> {
    let units = [
        "relu",
        "tanh",
        "sigmoid",
        "gelu",
        "silu",
        "mish",
        "hard_swish",
        "softplus",
        "selu",
        "elu",
        "leaky_relu",
        "softmax",
        "layer_norm",
        "batch_norm",
        "feature_scale",
    ];
    let units = units.map(|unit| {
        WrittenCase::new(
            unit,
            &parse(&[70], &format!("{{ kind = 'linear', units = 9 }}, '{unit}'")),
            same,
        )
    });
    let settings = [
        ("gelu by tanh", "{ kind = 'gelu', form = 'tanh' }"),
        ("elu with a setting", "{ kind = 'elu', alpha = 0.3 }"),
        ("leaky relu with a setting", "{ kind = 'leaky_relu', slope = 0.2 }"),
        ("dropout at evaluation", "{ kind = 'dropout', rate = 0.25, scaling = 'at_evaluation' }"),
    ];
    let settings = settings.map(|(name, layer)| {
        WrittenCase::new(
            name,
            &parse(&[5], &format!("{{ kind = 'linear', units = 7 }}, {layer}")),
            same,
        )
    });
    let images = [
        ("same", "{ kind = 'conv2d', filters = 5, kernel = 3, padding = 'same' }"),
        (
            "valid, strides",
            "{ kind = 'conv2d', filters = 12, kernel = [2, 5], stride = [2, 3], padding = 'valid' }",
        ),
        ("wide", "{ kind = 'conv2d', filters = 17, kernel = 4, padding = 'same' }"),
        ("depthwise", "{ kind = 'depthwise_conv2d', kernel = 3, padding = 'same' }"),
        (
            "depthwise, two filters",
            "{ kind = 'depthwise_conv2d', kernel = 3, multiplier = 2, stride = 2, padding = 'valid' }",
        ),
        ("max pool", "{ kind = 'max_pool2d', size = 2 }"),
        (
            "max pool, overlapping",
            "{ kind = 'max_pool2d', size = 3, stride = 2, padding = 'same' }",
        ),
        ("average pool", "{ kind = 'avg_pool2d', size = 3, stride = 2, padding = 'same' }"),
        ("global average", "'global_avg_pool2d'"),
        (
            "winograd, 3 by 3",
            "{ kind = 'conv2d', filters = 13, kernel = 3, padding = 'same' }, { kind = 'conv2d', filters = 18, kernel = 3, padding = 'same' }",
        ),
        (
            "winograd, 5 by 5",
            "{ kind = 'conv2d', filters = 12, kernel = 3, padding = 'same' }, { kind = 'conv2d', filters = 12, kernel = 5, padding = 'same' }",
        ),
        ("group norm", "{ kind = 'group_norm', groups = 3 }"),
        ("batch norm", "'batch_norm'"),
    ];
    let images = images.map(|(name, layer)| {
        WrittenCase::new(name, &parse(&[9, 11, 3], &format!("{layer}, 'flatten'")), same)
    });
    units.into_iter().chain(settings).chain(images).collect()
}

/// Ops that no layer has.
fn ops() -> Vec<WrittenCase> {
    type Change = fn(&mut Graph<f32>, NodeId) -> NodeId;
    let changes: [(&str, Change); 17] = [
        ("a weight for several rows", |g, y| {
            let y = g.reshape(y, [4, 3]).unwrap();
            let weight: Vec<f32> = (0..15).map(|i| (i as f32 * 0.7).sin()).collect();
            let weight = g.constant(Tensor::new([3, 5], weight));
            g.matmul(y, weight).unwrap()
        }),
        ("abs", |g, y| g.abs(y)),
        ("exp", |g, y| g.exp(y)),
        ("ln and sqrt", |g, y| {
            let y = g.abs(y);
            let y = g.ln(y);
            let y = g.abs(y);
            g.sqrt(y)
        }),
        ("neg and step", |g, y| {
            let y = g.neg(y);
            g.step(y)
        }),
        ("log softmax", |g, y| g.log_softmax(y).unwrap()),
        ("number minus value", |g, y| {
            let one = g.scalar(1.5);
            g.sub(one, y).unwrap()
        }),
        ("rows by columns", |g, y| {
            let row = g.reshape(y, [1, 12]).unwrap();
            let column = g.reshape(y, [12, 1]).unwrap();
            let y = g.div(row, column).unwrap();
            g.flatten(y)
        }),
        ("larger and smaller", |g, y| {
            let zero = g.scalar(0.25);
            let other = g.neg(y);
            let larger = g.maximum(y, other).unwrap();
            let y = g.minimum(zero, larger).unwrap();
            g.mul(y, larger).unwrap()
        }),
        ("sum, transposed", |g, y| {
            let y = g.reshape(y, [2, 3, 2]).unwrap();
            let y = g.transpose(y, &[0, 3, 1, 2]).unwrap();
            g.sum(y, &[2]).unwrap()
        }),
        ("mean over the last axis", |g, y| {
            let y = g.reshape(y, [4, 3]).unwrap();
            g.mean(y, &[2]).unwrap()
        }),
        ("extremes", |g, y| {
            let y = g.reshape(y, [4, 3]).unwrap();
            let most = g.max(y, &[2]).unwrap();
            let least = g.min(y, &[1]).unwrap();
            g.concat(&[most, least], 1).unwrap()
        }),
        ("slice and concat", |g, y| {
            let y = g.reshape(y, [3, 4]).unwrap();
            let part = g.slice(y, 2, 1..3).unwrap();
            g.concat(&[part, y, part], 2).unwrap()
        }),
        ("one hot", |g, y| {
            let y = g.sum(y, &[1]).unwrap();
            g.one_hot(y, 4).unwrap()
        }),
        ("product of two values", |g, y| {
            let a = g.reshape(y, [2, 2, 3]).unwrap();
            let b = g.transpose(a, &[0, 1, 3, 2]).unwrap();
            g.batch_matmul(a, b).unwrap()
        }),
        ("sum with itself", |g, y| g.add(y, y).unwrap()),
        ("the features themselves", |g, _| {
            let (id, _) = g.nodes().find(|(_, node)| node.name() == "input").unwrap();
            let x = g.relu(id);
            g.add(id, x).unwrap()
        }),
    ];
    let network = parse(&[12], "{ kind = 'linear', units = 12 }");
    changes.into_iter().map(|(name, change)| WrittenCase::new(name, &network, change)).collect()
}

/// Writes one crate with all cases as modules and a test that compares bits, and runs it.
fn check(cases: &[WrittenCase]) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    fs::create_dir_all(source.join("ops")).unwrap();
    let manifest = "[package]\nname = \"cases\"\nedition = \"2024\"\n[workspace]\n[profile.dev]\nopt-level = 1\ndebug = false\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let mut functions = crate::runtime::Functions::default();
    let mut list =
        "#![no_std]\n#![deny(warnings)]\n#![cfg_attr(test, allow(dead_code))]\nmod ops;\n"
            .to_owned();
    for (number, case) in cases.iter().enumerate() {
        let pass = case.pass();
        functions.extend(&pass.functions);
        write_case(&source.join(format!("case_{number}")), case, &pass);
        let _ = writeln!(list, "/// {}\npub mod case_{number};", case.name);
    }
    fs::write(source.join("lib.rs"), list).unwrap();
    for (name, text) in functions.files() {
        fs::write(source.join("ops").join(name), text).unwrap();
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(["test", "--quiet", "--lib", "--offline"]).current_dir(folder.path());
    command.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    let output = command.output().unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success(), "{text}");
    let n_tests = format!("{} passed", cases.len());
    assert!(text.contains(&n_tests), "expected {n_tests}: {text}");
}

fn write_case(folder: &Path, case: &WrittenCase, pass: &PassSource) {
    fs::create_dir_all(folder).unwrap();
    let has_weights = !pass.weights.bytes().is_empty();
    if has_weights {
        fs::write(folder.join("weights.rs"), pass.weights.source()).unwrap();
        fs::write(folder.join("weights.bin"), pass.weights.bytes()).unwrap();
    }
    let PassSource { inputs, outputs, body, .. } = pass;
    let weights = if has_weights { "mod weights;\n" } else { "" };
    let pairs = case.vectors().into_iter().map(|[x, y]| format!("({x:?}, {y:?})"));
    let vectors = format!("[{}]", pairs.collect::<Vec<_>>().join(", "));
    let text = format!(
        "{weights}use crate::ops;\npub const INPUTS: usize = {inputs};\npub const OUTPUTS: usize = {outputs};\n\
         pub fn predict(features: &[f32; INPUTS]) -> [f32; OUTPUTS] {{\n{body}}}\n\
         #[test]\nfn bits() {{\n    const VECTORS: [([u32; INPUTS], [u32; OUTPUTS]); {SAMPLES}] = {};\n    \
         for (features, expected) in VECTORS {{\n        \
         let found = predict(&features.map(f32::from_bits));\n        \
         let is_same = |(a, b): (&f32, &u32)| a.to_bits() == *b || a.is_nan() && f32::from_bits(*b).is_nan();\n        \
         assert!(found.iter().zip(&expected).all(is_same), \"{}: {{found:?}}, {{:?}}\", expected.map(f32::from_bits));\n    }}\n}}\n",
        vectors, case.name,
    );
    fs::write(folder.join("mod.rs"), text).unwrap();
}

#[test]
fn every_op_and_random_networks_have_the_bits_of_gradus_in_portable_arithmetic() {
    Isa::force(Isa::Portable).unwrap();
    let random =
        SEEDS.map(|seed| WrittenCase::new(&format!("random network {seed}"), &network(seed), same));
    let cases: Vec<WrittenCase> = layers().into_iter().chain(ops()).chain(random).collect();
    check(&cases);
}

/// An op that crates do not know.
struct UnwrittenOp(&'static str);

impl Op<f32> for UnwrittenOp {
    fn name(&self) -> &'static str {
        self.0
    }

    fn forward(&self, pass: OpPass<'_, f32>) {
        pass.y.copy_from_slice(pass.x[0]);
    }

    fn backward(&self, _: BackwardPass<'_, f32>) {}
}

#[test]
fn all_nodes_that_cannot_be_written_are_named_at_once() {
    let case =
        WrittenCase::new("riddles", &parse(&[6], "{ kind = 'linear', units = 3 }"), |graph, y| {
            graph.begin_scope("head");
            let first = graph.push(UnwrittenOp("riddle"), &[y]).unwrap();
            let y = graph.relu(first);
            let y = graph.push(UnwrittenOp("enigma"), &[y]).unwrap();
            graph.mean(y, &[0]).unwrap()
        });
    let RandomTrial { model, parameters, running_statistics, .. } = &case.trials[0];
    let trained = TrainedGraph::new(model, parameters, running_statistics).unwrap();
    let error = pass::write(trained, WeightFormat::Float32).unwrap_err();
    let expected = "a static crate has no function for `riddle` (head/riddle); `enigma` (head/enigma); \
        `mean` (head/mean): it depends on all samples of a batch";
    assert_eq!(error.to_string(), expected);
}
