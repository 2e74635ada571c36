//! What stands in the files. That other programs compute the same with them: `cargo xtask interop --only onnx`.

use data::columns::TableOptions;
use data::readers::csv::CsvFile;
use data::{FittedTransforms, TransformPlan};
use graph::op::{BackwardPass, ForwardPass, Op};
use nn::losses::Prediction;
use nn::{Mode, Objective};
use prost::Message as _;
use random_networks::{RandomTrial, parse};

use super::*;
use crate::proto::{GraphProto, ModelProto};

fn trial(input: &[usize], layers: &str) -> RandomTrial<f32> {
    RandomTrial::new(&parse(input, layers), &Objective::default(), Mode::Evaluate, 2, 1)
}

fn written(
    trial: &RandomTrial<f32>,
    layout: ImageLayout,
    classes: &[&str],
) -> Result<ModelProto, OnnxError> {
    let network = TrainedNetwork {
        model: &trial.model,
        parameters: &trial.parameters,
        running_statistics: &trial.running_statistics,
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        rows: None,
    };
    let bytes = network.to_onnx(&OnnxOptions { layout, ..OnnxOptions::default() })?;
    Ok(ModelProto::decode(&bytes[..]).expect("a file of messages"))
}

fn graph(trial: &RandomTrial<f32>, layout: ImageLayout) -> GraphProto {
    written(trial, layout, &[]).unwrap().graph.unwrap()
}

fn operators(graph: &GraphProto) -> Vec<&str> {
    graph.node.iter().map(|node| &*node.op_type).collect()
}

const IMAGES: &str = "{ kind = 'conv2d', filters = 4, kernel = 3 }, 'batch_norm', 'relu', \
    { kind = 'dropout', rate = 0.5 }, { kind = 'max_pool2d', size = 2 }, 'flatten', \
    { kind = 'linear', units = 3 }, 'batch_norm'";

#[test]
fn bias_and_batch_normalisation_are_part_of_the_layer_before_and_dropout_is_gone() {
    let trial = trial(&[8, 6, 2], IMAGES);
    let first = graph(&trial, ImageLayout::ChannelsFirst);
    let body = ["Conv", "Relu", "MaxPool", "Transpose", "Reshape", "Gemm", "Identity"];
    assert_eq!(operators(&first), body);
    let last = graph(&trial, ImageLayout::ChannelsLast);
    assert_eq!(operators(&last), [&["Transpose"], &body[..]].concat());
    // A weight and a bias each, and the shape of the rows.
    assert_eq!(first.initializer.len(), 5);
}

#[test]
fn what_others_read_too_keeps_its_value() {
    // The sum reads the product too, which normalisation must not change.
    let layers = "{ kind = 'linear', units = 6, name = 'a' }, 'batch_norm', \
        { kind = 'add', from = ['a'] }, { kind = 'linear', units = 3 }";
    let graph = graph(&trial(&[6], layers), ImageLayout::ChannelsFirst);
    assert_eq!(operators(&graph), ["Gemm", "Sub", "Mul", "Add", "Add", "Gemm", "Identity"]);
}

#[test]
fn the_file_says_versions_layout_classes_and_names_the_batch() {
    let trial = trial(&[8, 6, 2], IMAGES);
    let model = written(&trial, ImageLayout::ChannelsFirst, &["cat", "dog", "bird"]).unwrap();
    assert_eq!(model.opset_import[0].version, Some(OPSET));
    let metadata: Vec<_> =
        model.metadata_props.iter().map(|entry| (&*entry.key, &*entry.value)).collect();
    assert_eq!(metadata, [("image_layout", "channels-first"), ("classes", "cat\ndog\nbird")]);
    let graph = model.graph.unwrap();
    let dims = |value: &crate::proto::ValueInfoProto| {
        let tensor = value.r#type.clone().unwrap().tensor_type.unwrap();
        let dims = tensor.shape.unwrap().dim;
        let texts = dims.into_iter().map(|dim| match dim.dim_value {
            Some(size) => size.to_string(),
            None => dim.dim_param.unwrap(),
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!((&*graph.input[0].name, dims(&graph.input[0])), ("input", "batch 2 8 6".into()));
    assert_eq!((&*graph.output[0].name, dims(&graph.output[0])), ("output", "batch 3".into()));
}

/// An op that ONNX does not know.
struct Riddle(&'static str);

impl Op<f32> for Riddle {
    fn name(&self) -> &'static str {
        self.0
    }

    fn forward(&self, pass: ForwardPass<'_, f32>) {
        pass.y.copy_from_slice(pass.x[0]);
    }

    fn backward(&self, _: BackwardPass<'_, f32>) {}
}

#[test]
fn all_nodes_that_cannot_be_written_are_named_at_once() {
    let mut trial = trial(&[6], "{ kind = 'linear', units = 3 }");
    let graph = &mut trial.model.graph;
    graph.begin_scope("head");
    let first = graph.push(Riddle("riddle"), &[trial.model.prediction]).unwrap();
    let y = graph.relu(first);
    trial.model.prediction = graph.push(Riddle("enigma"), &[y]).unwrap();
    let error = written(&trial, ImageLayout::ChannelsFirst, &[]).unwrap_err();
    let expected = "ONNX has no operator for `riddle` (head/riddle); `enigma` (head/enigma)";
    assert_eq!(error.to_string(), expected);
}

/// The default transforms of a table whose last column is the target.
fn fitted(csv: &str) -> FittedTransforms {
    let table = CsvFile::from_bytes("rows.csv", csv.as_bytes(), &TableOptions::default()).unwrap();
    TransformPlan::default().fit(&table, &|_| true).unwrap()
}

/// A network of one layer behind transforms.
fn with_rows(
    trial: &RandomTrial<f32>,
    transforms: &FittedTransforms,
) -> Result<ModelProto, OnnxError> {
    let network = TrainedNetwork {
        model: &trial.model,
        parameters: &trial.parameters,
        running_statistics: &[],
        classes: Vec::new(),
        rows: Some(RowMeaning { transforms, prediction: Prediction::Logits }),
    };
    let bytes = network.to_onnx(&OnnxOptions::default())?;
    Ok(ModelProto::decode(&bytes[..]).expect("a file of messages"))
}

fn linear(inputs: usize, outputs: usize) -> RandomTrial<f32> {
    trial(&[inputs], &format!("{{ kind = 'linear', units = {outputs} }}"))
}

fn names(values: &[crate::proto::ValueInfoProto]) -> Vec<&str> {
    values.iter().map(|value| &*value.name).collect()
}

#[test]
fn tables_of_numbers_need_only_standard_operators_and_those_with_texts_give_the_label_too() {
    let numbers = fitted("area,value,kind\n1.5,2.25,a\n2.5,9.5,b\n3.75,4.5,a\n");
    let model = with_rows(&linear(numbers.width(), 2), &numbers).unwrap();
    let domains = |model: &ModelProto| -> Vec<String> {
        model.opset_import.iter().map(|opset| opset.domain.clone()).collect()
    };
    assert_eq!(domains(&model), [""]);
    let graph = model.graph.unwrap();
    assert_eq!(names(&graph.input), ["area", "value"]);
    assert_eq!(names(&graph.output), ["label_index", "probabilities"]);

    let texts = fitted("label,value,kind\nred,2.25,a\nblue,9.5,b\nred,4.5,a\nblue,1.5,b\n");
    let model = with_rows(&linear(texts.width(), 2), &texts).unwrap();
    assert_eq!(domains(&model), ["", "ai.onnx.ml"]);
    let graph = model.graph.unwrap();
    assert_eq!(names(&graph.input), ["label", "value"]);
    // The column keeps its name.
    assert_eq!(names(&graph.output), ["label_2", "label_index", "probabilities"]);
}

#[test]
fn columns_and_nodes_that_cannot_be_written_are_named_at_once() {
    let rows: String = (1..=9)
        .map(|day| format!("2024-03-0{day},{day}.5,2023-01-0{day},{}\n", ["a", "b"][day % 2]))
        .collect();
    let transforms = fitted(&format!("born,area,seen,kind\n{rows}"));
    let mut trial = linear(transforms.width(), 2);
    let prediction = trial.model.prediction;
    trial.model.prediction = trial.model.graph.push(Riddle("riddle"), &[prediction]).unwrap();
    let error = with_rows(&trial, &transforms).unwrap_err().to_string();
    for part in ["column `born`: a column of the kind date", "column `seen`: ", "`riddle`"] {
        assert!(error.contains(part), "{error}");
    }
}
