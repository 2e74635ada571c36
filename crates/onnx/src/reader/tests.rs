//! Networks there and back, and files that are refused.

use std::fs;

use graph::{Compile, Program, RunArgs, Tensor, Tensors};
use nn::{InputRole, Mode, Network, Objective};
use prost::Message as _;
use random_networks::{RandomTrial, SEEDS, network, parse};
use runs::presets;

use super::*;
use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use crate::{ImageLayout, OnnxOptions, TrainedNetwork};

/// What a network gives for samples.
pub(crate) fn predictions(imported: &ImportedNetwork, samples: &Tensor<f32>) -> Vec<f32> {
    let network = &imported.network;
    let outputs = network.outputs().unwrap();
    let target = graph::Shape::batch([]);
    let model =
        network.model::<f32>(Mode::Evaluate, &Objective::default(), outputs, target).unwrap();
    let batch = samples.shape()[0];
    let options = Compile { batch, keep: vec![model.prediction], ..Compile::default() };
    let inputs: Vec<Tensor<f32>> = model
        .inputs
        .iter()
        .map(|role| match *role {
            InputRole::Samples => samples.clone(),
            InputRole::Targets => Tensor::full([batch], 0.0),
            InputRole::RunningStatistics(i) => {
                let statistics = &model.running_statistics[i];
                let values = &imported.running_statistics[statistics.range.clone()];
                Tensor::new([2, statistics.channels], values)
            }
        })
        .collect();
    let inputs: Vec<&Tensor<f32>> = inputs.iter().collect();
    let mut program = Program::new(model.graph.clone(), &options).unwrap();
    program.run(&RunArgs {
        parameters: &imported.parameters,
        inputs: &Tensors(&inputs),
        ..RunArgs::default()
    });
    program.value(model.prediction).unwrap().into_values()
}

/// The largest difference, relative to the largest number.
pub(crate) fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |most, value| value.abs().max(most));
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / largest);
    differences.fold(
        0.0,
        |most, difference| if difference > most || difference.is_nan() { difference } else { most },
    )
}

/// Writes a network with random numbers, reads it, and returns both with their largest difference.
fn round_trip(network: &Network, layout: ImageLayout, seed: u64) -> (ImportedNetwork, f32) {
    let trial = RandomTrial::<f32>::new(network, &Objective::default(), Mode::Evaluate, 3, seed);
    let prediction = trial.model.prediction;
    let program = trial.run(&Compile { keep: vec![prediction], ..Compile::default() });
    let expected = program.value(prediction).unwrap();
    let trained = TrainedNetwork {
        model: &trial.model,
        parameters: &trial.parameters,
        running_statistics: &trial.running_statistics,
        classes: vec!["a".into(), "b".into()],
        rows: None,
    };
    let options = OnnxOptions { layout, ..OnnxOptions::default() };
    let file = trained.to_onnx(&options).unwrap();
    let imported = read_network(&file).unwrap_or_else(|error| panic!("{error}\n{network:?}"));
    let found = predictions(&imported, &trial.samples);
    let difference = difference(&found, expected.values());
    (imported, difference)
}

#[test]
fn every_preset_comes_back_with_the_same_logits() {
    for preset in presets::ALL {
        let network = preset.experiment().model;
        for layout in [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast] {
            let (imported, difference) = round_trip(&network, layout, 1);
            assert!(difference < 1e-5, "{}, {layout:?}: {difference}", preset.name);
            assert_eq!(imported.network.input, network.input, "{}", preset.name);
            assert_eq!(imported.classes, ["a", "b"]);
        }
    }
}

#[test]
fn random_networks_come_back_with_the_same_logits() {
    for seed in SEEDS {
        let network = network(seed);
        for layout in [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast] {
            let (_, difference) = round_trip(&network, layout, seed);
            assert!(difference < 1e-5, "seed {seed}, {layout:?}: {difference}");
        }
    }
}

#[test]
fn layers_come_back_as_themselves_where_nothing_is_folded() {
    let layers = "{ kind = 'conv2d', filters = 4, kernel = 3, padding = 1 }, 'gelu', \
        { kind = 'depthwise_conv2d', kernel = [2, 3], multiplier = 2, bias = false }, 'silu', \
        { kind = 'group_norm', groups = 2 }, 'mish', { kind = 'max_pool2d', size = 2 }, 'hard_swish', \
        { kind = 'layer_norm', axes = 3 }, { kind = 'elu', alpha = 0.3 }, \
        { kind = 'leaky_relu', slope = 0.1 }, 'selu', 'flatten', { kind = 'linear', units = 3, bias = false }, \
        'layer_norm', { kind = 'gelu', form = 'tanh' }, \
        { kind = 'linear', units = 3, parametrization = 'ntk' }, 'feature_scale'";
    let network = parse(&[8, 6, 3], layers);
    for layout in [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast] {
        let trial = RandomTrial::<f32>::new(&network, &Objective::default(), Mode::Evaluate, 2, 1);
        let (imported, difference) = round_trip(&network, layout, 1);
        let kinds = |network: &Network| {
            network.layers.iter().map(|layer| layer.kind.name()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&imported.network), kinds(&network));
        assert_eq!(imported.network.layers[9].kind, network.layers[9].kind);
        assert_eq!(imported.network.layers[16].kind, network.layers[16].kind);
        assert_eq!(imported.parameters, trial.parameters, "{layout:?}");
        assert!(difference < 1e-6, "{layout:?}: {difference}");
    }
}

#[test]
fn a_branch_is_taken_from_the_layers_that_it_was() {
    let layers = "{ kind = 'linear', units = 6, name = 'a' }, 'relu', { kind = 'linear', units = 6 }, \
        { kind = 'add', from = ['a'] }, { kind = 'concat', from = ['input', 'a'] }, { kind = 'linear', units = 3 }";
    let (imported, difference) = round_trip(&parse(&[6], layers), ImageLayout::ChannelsFirst, 1);
    assert_eq!(difference, 0.0);
    let kinds: Vec<&str> = imported.network.layers.iter().map(|layer| layer.kind.name()).collect();
    assert_eq!(kinds, ["linear", "relu", "linear", "add", "concat", "linear"]);
}

/// What PyTorch computed with a network of `tests/data`.
#[derive(serde::Deserialize)]
struct WrittenByPytorch {
    shape: Vec<usize>,
    samples: Vec<f32>,
    logits: Vec<f32>,
}

#[test]
fn networks_of_pytorch_give_its_logits() {
    let mut n_networks = 0;
    for entry in fs::read_dir("tests/data").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let text = fs::read_to_string(path.with_extension("toml")).unwrap();
        let expected: WrittenByPytorch = toml::from_str(&text).unwrap();
        let imported = read_network(&fs::read(&path).unwrap());
        let imported = imported.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let samples = Tensor::new(&expected.shape, expected.samples);
        let is_image = expected.shape.len() == 4;
        let samples = if is_image { samples.transposed(&[0, 2, 3, 1]) } else { samples };
        let found = predictions(&imported, &samples);
        let difference = difference(&found, &expected.logits);
        assert!(difference < 1e-5, "{}: {difference}", path.display());
        n_networks += 1;
    }
    assert_eq!(n_networks, 8);
}

/// A graph of operators: `[operator, operands…, result]` in a row, each with its settings.
struct Draft(ModelProto);

impl Draft {
    /// A graph with the input `x` of samples of a shape and the output `y`.
    fn new(input: &[i64]) -> Self {
        let graph = GraphProto {
            input: vec![value("x", input)],
            output: vec![value("y", &[2])],
            ..GraphProto::default()
        };
        Self(ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: Some(17) }],
            graph: Some(graph),
            ..ModelProto::default()
        })
    }

    fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.as_mut().unwrap()
    }

    fn node(mut self, names: &[&str], settings: &[(&str, &[i64])]) -> Self {
        let [operator, operands @ .., result] = names else { panic!("{names:?}") };
        self.graph().node.push(NodeProto {
            op_type: (*operator).to_owned(),
            input: operands.iter().map(|&name| name.to_owned()).collect(),
            output: vec![(*result).to_owned()],
            attribute: settings.iter().map(|(name, values)| setting(name, values)).collect(),
            ..NodeProto::default()
        });
        self
    }

    fn tensor(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.graph().initializer.push(tensor(name, dims, values));
        self
    }

    fn read(&self) -> Result<ImportedNetwork, ImportError> {
        read_network(&self.0.encode_to_vec())
    }

    fn refusal(&self) -> String {
        self.read().unwrap_err().to_string()
    }
}

/// A setting of one whole number, or of several.
fn setting(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: values.first().copied(),
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: Some(data_type::FLOAT),
        float_data: values.to_vec(),
        ..TensorProto::default()
    }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("batch".to_owned()) };
    let dims = dims.iter().map(|&size| DimensionProto { dim_value: Some(size), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(dims).collect() };
    let tensor_type = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        ..ValueInfoProto::default()
    }
}

/// `y = x · w` for samples of two numbers.
fn product() -> Draft {
    Draft::new(&[2]).node(&["MatMul", "x", "w", "y"], &[]).tensor(
        "w",
        &[2, 2],
        &[1.0, 2.0, 3.0, 4.0],
    )
}

#[test]
fn a_product_is_a_linear_layer() {
    let imported = product().read().unwrap();
    assert_eq!(predictions(&imported, &Tensor::new([1, 2], [1.0, 10.0])), [31.0, 42.0]);
    assert_eq!(imported.loss, Loss::default());
}

#[test]
fn the_factors_of_gemm_are_part_of_the_weight_and_the_bias() {
    let mut draft = Draft::new(&[2])
        .node(&["Gemm", "x", "w", "b", "y"], &[("transB", &[1])])
        .tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .tensor("b", &[1], &[10.0]);
    draft.graph().node[0].attribute.push(AttributeProto {
        name: "alpha".to_owned(),
        f: Some(0.5),
        ..AttributeProto::default()
    });
    draft.graph().node[0].attribute.push(AttributeProto {
        name: "beta".to_owned(),
        f: Some(2.0),
        ..AttributeProto::default()
    });
    let imported = draft.read().unwrap();
    assert_eq!(predictions(&imported, &Tensor::new([1, 2], [1.0, 1.0])), [21.5, 23.5]);
}

#[test]
fn a_softmax_at_the_end_is_left_out_and_said() {
    let draft = Draft::new(&[2])
        .node(&["MatMul", "x", "w", "z"], &[])
        .node(&["Softmax", "z", "p"], &[])
        .node(&["Identity", "p", "y"], &[])
        .tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let imported = draft.read().unwrap();
    assert_eq!(imported.network.layers.len(), 1);
    assert_eq!(imported.notes.len(), 1);
    assert!(imported.notes[0].contains("softmax"), "{:?}", imported.notes);
}

#[test]
fn a_softmax_of_single_numbers_has_no_axis() {
    let draft = Draft::new(&[2])
        .node(&["MatMul", "x", "w", "z"], &[])
        .node(&["Squeeze", "z", "s"], &[("axes", &[1])])
        .node(&["Softmax", "s", "y"], &[("axis", &[-1])])
        .tensor("w", &[2, 1], &[1.0, 2.0]);
    let refusal = draft.refusal();
    assert!(refusal.contains("the axis -1 of samples of []"), "{refusal}");
}

#[test]
fn a_sigmoid_of_one_output_is_left_out_and_of_two_is_a_layer() {
    let draft = |columns: i64| {
        Draft::new(&[2])
            .node(&["MatMul", "x", "w", "z"], &[])
            .node(&["Sigmoid", "z", "y"], &[])
            .tensor("w", &[2, columns], &vec![1.0; 2 * columns as usize])
            .read()
            .unwrap()
    };
    assert_eq!(draft(1).loss.name(), "binary_cross_entropy");
    assert_eq!(draft(1).network.layers.len(), 1);
    assert_eq!(draft(2).network.layers.len(), 2);
}

#[test]
fn all_operators_that_no_layer_computes_are_named_at_once() {
    let draft = product()
        .node(&["Det", "y", "a"], &[])
        .node(&["Relu", "a", "b"], &[])
        .node(&["Cos", "b", "c"], &[]);
    let mut draft = draft;
    draft.graph().output[0].name = "c".to_owned();
    let expected = "no layers for 2 operators of the graph:\n  Det (a): no layer computes it\n  Cos (c): no layer computes it";
    assert_eq!(draft.refusal(), expected);
}

#[test]
fn a_window_that_is_begun_is_padded_behind() {
    let image = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
    let draft = |operator: &str, settings: &[(&str, &[i64])]| {
        let mut draft = Draft::new(&[1, 3, 3])
            .node(&[operator, "x", "z"], settings)
            .node(&["Flatten", "z", "y"], &[]);
        draft.graph().output[0].name = "y".to_owned();
        let imported = draft.read().unwrap();
        predictions(&imported, &Tensor::new([1, 3, 3, 1], image.as_flattened()))
    };
    let halves: &[(&str, &[i64])] =
        &[("kernel_shape", &[2, 2]), ("strides", &[2, 2]), ("ceil_mode", &[1])];
    assert_eq!(draft("MaxPool", halves), [5.0, 6.0, 8.0, 9.0]);
    assert_eq!(draft("AveragePool", halves), [3.0, 4.5, 7.5, 9.0]);
    let whole: &[(&str, &[i64])] = &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])];
    assert_eq!(draft("MaxPool", whole), [5.0]);
    assert_eq!(draft("GlobalAveragePool", &[]), [5.0]);
    assert_eq!(draft("GlobalMaxPool", &[]), [9.0]);
}

#[test]
fn hostile_files_are_refused_by_name() {
    let with = |change: &dyn Fn(&mut ModelProto)| {
        let mut draft = product();
        change(&mut draft.0);
        draft.refusal()
    };
    let graph = |change: &dyn Fn(&mut GraphProto)| {
        with(&|model: &mut ModelProto| change(model.graph.as_mut().unwrap()))
    };
    let cases = [
        (
            with(&|model| model.opset_import[0].version = Some(99)),
            "operators of version 99, expected 7 to 25",
        ),
        (with(&|model| model.graph = None), "expected one output, found 0"),
        (graph(&|graph| graph.input.clear()), "MatMul (y) reads \"x\", which is not in the file"),
        (
            graph(&|graph| graph.input.push(value("z", &[1]))),
            "expected one input, found 2: \"x\", \"z\"",
        ),
        (graph(&|graph| graph.input[0] = value("x", &[-1])), "takes samples of [-1]"),
        (graph(&|graph| graph.input[0] = value("x", &[i64::MAX, 4])), "expected 1 to 2^30 numbers"),
        (graph(&|graph| graph.input[0] = value("x", &[0])), "takes samples of [0]"),
        (graph(&|graph| graph.output.push(value("x", &[2]))), "expected one output, found 2"),
        (
            graph(&|graph| graph.output[0].name = "q".into()),
            "reads \"q\", which is not in the file",
        ),
        (graph(&|graph| graph.node.push(graph.node[0].clone())), "two values are called \"y\""),
        (
            graph(&|graph| graph.initializer.push(graph.initializer[0].clone())),
            "two values are called \"w\"",
        ),
        (
            graph(&|graph| graph.initializer[0].dims = vec![4, i64::MAX]),
            "w: its shape is [4, 9223372036854775807]",
        ),
        (graph(&|graph| graph.initializer[0].dims = vec![-2, -2]), "w: its shape is [-2, -2]"),
        (
            graph(&|graph| graph.initializer[0].dims = vec![2, 3]),
            "w: it has 4 elements, expected the 6 of its shape",
        ),
        (graph(&|graph| graph.initializer[0].data_type = Some(8)), "its elements have the type 8"),
        (graph(&|graph| graph.initializer[0].raw_data = Some(vec![0; 15])), "w: it has 15 bytes"),
        (
            graph(&|graph| graph.initializer[0].data_location = Some(1)),
            "the tensor \"w\" is in another file",
        ),
        (
            graph(&|graph| graph.initializer[0].float_data[3] = f32::NAN),
            "element 3 of its weight is NaN",
        ),
        (graph(&|graph| graph.sparse_initializer.push(Vec::new())), "sparse tensors"),
        (
            graph(&|graph| graph.node[0].input[0] = "y".into()),
            "MatMul (y) reads \"y\", which is computed later: a cycle",
        ),
        (
            graph(&|graph| graph.node[0].domain = "com.example".into()),
            "an operator of \"com.example\"",
        ),
        (
            graph(&|graph| {
                let inner = AttributeProto { g: Some(vec![1, 2, 3]), ..AttributeProto::default() };
                graph.node[0].attribute.push(inner);
            }),
            "MatMul (y): it has a graph inside",
        ),
    ];
    let wrong: Vec<_> =
        cases.iter().filter(|(found, expected)| !found.contains(expected)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read_network(b"").unwrap_err().to_string().contains("a version of operators"));
    assert!(read_network(b"\xff\xff").is_err());
}

#[test]
fn a_tensor_in_another_file_is_named_with_the_file() {
    let mut draft = product();
    draft.graph().initializer[0].external_data = vec![crate::proto::StringStringEntryProto {
        key: "location".to_owned(),
        value: "../../etc/passwd".to_owned(),
    }];
    let refusal = draft.refusal();
    assert!(refusal.contains("\"w\" is in another file, \"../../etc/passwd\""), "{refusal}");
}
