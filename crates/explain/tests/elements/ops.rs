//! Every op of the library, one by one.

use std::collections::BTreeSet;

use gradus_explain::element::{ElementName, ExplainedPass, Relation};
use graph::op::Linearity;
use graph::ops::dropout::DropoutScaling;
use graph::ops::gelu::GeluForm;
use graph::{Float, Graph, NodeId, Padding, RunArgs, Shape, ShapeError, Tensor, Tensors};
use kernels::random::Stream;
use nn::losses::Prediction;
use nn::{InputRole, Model};

use crate::check;

const BATCH: usize = 3;

type Build<T> = fn(&mut Graph<T>, &[NodeId]) -> Result<NodeId, ShapeError>;

/// An op: its file, the shapes of its operands, the range of their numbers, and how it is added.
struct OpExample<T> {
    file: &'static str,
    shapes: &'static [&'static str],
    range: [f64; 2],
    build: Build<T>,
}

fn example<T>(
    file: &'static str,
    shapes: &'static [&'static str],
    range: [f64; 2],
    build: Build<T>,
) -> OpExample<T> {
    OpExample { file, shapes, range, build }
}

const ALL: [f64; 2] = [-2.0, 2.0];
const POSITIVE: [f64; 2] = [0.1, 3.0];

fn examples<T: Float>() -> Vec<OpExample<T>> {
    vec![
        example("abs", &["N 3"], ALL, |g, x| Ok(g.abs(x[0]))),
        example("add", &["N 2 3", "3"], ALL, |g, x| g.add(x[0], x[1])),
        example("avg_pool2d", &["N 4 5 2"], ALL, |g, x| {
            g.avg_pool2d(x[0], [3, 2], [2, 2], Padding::Same)
        }),
        example("batch_matmul", &["N 2 3 4", "N 2 4 2"], ALL, |g, x| g.batch_matmul(x[0], x[1])),
        example("batch_matmul", &["3 4", "4 2"], ALL, |g, x| g.batch_matmul(x[0], x[1])),
        example("concat", &["N 2 3", "N 1 3"], ALL, |g, x| g.concat(&[x[0], x[1]], 1)),
        example("conv2d", &["N 5 4 2", "3 3 2 3"], ALL, |g, x| {
            g.conv2d(x[0], x[1], [2, 1], Padding::Same)
        }),
        // Large enough for Winograd's algorithm.
        example("conv2d", &["N 8 8 12", "3 3 12 16"], ALL, |g, x| {
            g.conv2d(x[0], x[1], [1, 1], Padding::Same)
        }),
        example("cos", &["N 3"], ALL, |g, x| Ok(g.cos(x[0]))),
        example("depthwise_conv2d", &["N 5 4 3", "3 2 3 2"], ALL, |g, x| {
            g.depthwise_conv2d(x[0], x[1], [2, 1], Padding::Same)
        }),
        example("div", &["N 2 3", "3"], POSITIVE, |g, x| g.div(x[0], x[1])),
        example("dropout", &["N 4"], ALL, |g, x| g.dropout(x[0], 0.5, DropoutScaling::AtTraining)),
        example("elu", &["N 3"], ALL, |g, x| g.elu(x[0], 0.7)),
        example("embedding", &["N 2", "3 4"], [0.0, 2.4], |g, x| g.embedding(x[0], x[1])),
        example("exp", &["N 3"], ALL, |g, x| Ok(g.exp(x[0]))),
        example("gelu", &["N 3"], ALL, |g, x| Ok(g.gelu(x[0], GeluForm::Exact))),
        example("gelu", &["N 3"], ALL, |g, x| Ok(g.gelu(x[0], GeluForm::Tanh))),
        example("hard_swish", &["N 5"], [-4.0, 4.0], |g, x| Ok(g.hard_swish(x[0]))),
        example("leaky_relu", &["N 3"], ALL, |g, x| g.leaky_relu(x[0], 0.01)),
        example("ln", &["N 3"], POSITIVE, |g, x| Ok(g.ln(x[0]))),
        example("log10", &["N 3"], POSITIVE, |g, x| Ok(g.log10(x[0]))),
        example("log_softmax", &["N 2 4"], ALL, |g, x| g.log_softmax(x[0])),
        example("matmul", &["N 5", "5 3"], ALL, |g, x| g.matmul(x[0], x[1])),
        example("matmul", &["N 2 5", "5 3"], ALL, |g, x| g.matmul(x[0], x[1])),
        example("matmul", &["2 5", "5 3"], ALL, |g, x| g.matmul(x[0], x[1])),
        example("max", &["N 3 4"], ALL, |g, x| g.max(x[0], &[1])),
        example("max_pool2d", &["N 4 5 2"], ALL, |g, x| {
            g.max_pool2d(x[0], [3, 2], [2, 2], Padding::Same)
        }),
        example("maximum", &["N 2 3", "3"], ALL, |g, x| g.maximum(x[0], x[1])),
        example("mean", &["N 3 4"], ALL, |g, x| g.mean(x[0], &[0, 1])),
        example("min", &["N 3 4"], ALL, |g, x| g.min(x[0], &[1])),
        example("minimum", &["N 2 3", "3"], ALL, |g, x| g.minimum(x[0], x[1])),
        example("mish", &["N 3"], ALL, |g, x| Ok(g.mish(x[0]))),
        example("moments", &["N 2 3"], ALL, |g, x| g.moments(x[0])),
        example("mul", &["N 2 3", "3"], ALL, |g, x| g.mul(x[0], x[1])),
        example("mul", &["N 3"], ALL, |g, x| g.mul(x[0], x[0])),
        example("neg", &["N 3"], ALL, |g, x| Ok(g.neg(x[0]))),
        example("normalization_terms", &["2 3", "3", "3"], POSITIVE, |g, x| {
            g.normalization_terms(x[0], Some(x[1]), Some(x[2]), 1e-3)
        }),
        example("normalization_terms", &["2 3", "3"], POSITIVE, |g, x| {
            g.normalization_terms(x[0], None, Some(x[1]), 1e-3)
        }),
        example("normalize", &["N 2 3", "3 3"], POSITIVE, |g, x| g.normalize(x[0], x[1])),
        example("one_hot", &["N"], [0.0, 3.4], |g, x| g.one_hot(x[0], 4)),
        example("pow", &["N 2 3", "3"], POSITIVE, |g, x| g.pow(x[0], x[1])),
        example("relu", &["N 4"], ALL, |g, x| Ok(g.relu(x[0]))),
        example("reshape", &["N 2 3"], ALL, |g, x| g.reshape(x[0], [6])),
        example("selu", &["N 4"], ALL, |g, x| Ok(g.selu(x[0]))),
        example("sigmoid", &["N 3"], ALL, |g, x| Ok(g.sigmoid(x[0]))),
        example("silu", &["N 3"], ALL, |g, x| Ok(g.silu(x[0]))),
        example("sin", &["N 3"], ALL, |g, x| Ok(g.sin(x[0]))),
        example("slice", &["N 5 2"], ALL, |g, x| g.slice(x[0], 1, 1..4)),
        example("softmax", &["N 2 4"], ALL, |g, x| g.softmax(x[0])),
        example("softplus", &["N 3"], ALL, |g, x| Ok(g.softplus(x[0]))),
        example("sqrt", &["N 3"], POSITIVE, |g, x| Ok(g.sqrt(x[0]))),
        example("standardize", &["N 2 3 4"], ALL, |g, x| g.standardize(x[0], [1, 6, 2, 2], 1e-5)),
        example("step", &["N 4"], ALL, |g, x| Ok(g.step(x[0]))),
        example("sub", &["N 2 3", "3"], ALL, |g, x| g.sub(x[0], x[1])),
        example("sum", &["N 3 4"], ALL, |g, x| g.sum(x[0], &[2])),
        example("tanh", &["N 3"], ALL, |g, x| Ok(g.tanh(x[0]))),
        example("transpose", &["N 2 3"], ALL, |g, x| g.transpose(x[0], &[0, 2, 1])),
    ]
}

/// The op as a network: what it takes, and the sum of its result with other factors as the loss.
fn network<T: Float>(case: &OpExample<T>) -> (Model<T>, Vec<Tensor<T>>, Linearity) {
    let mut random = Stream::new(7, 1);
    let mut draw = |shape: &Shape, [low, high]: [f64; 2]| {
        let dims = shape.with_batch(BATCH);
        let number = |_| T::from_f64(f64::from((low + (high - low) * random.uniform()) as f32));
        let values: Vec<T> = (0..dims.iter().product()).map(number).collect();
        Tensor::new(dims, values)
    };
    let (mut graph, mut inputs) = (Graph::new(), Vec::new());
    graph.begin_scope("op");
    let mut input = |graph: &mut Graph<T>, name: String, shape: Shape, range| {
        inputs.push(draw(&shape, range));
        graph.input(name, shape)
    };
    let shape = |text: &str| {
        let sizes = text.split(' ').filter(|word| *word != "N" && !word.is_empty());
        let dims: Vec<usize> = sizes.map(|size| size.parse().unwrap()).collect();
        if text.starts_with('N') { Shape::batch(dims) } else { Shape::from(dims) }
    };
    let operands = case.shapes.iter().enumerate();
    let operands: Vec<NodeId> = operands
        .map(|(i, text)| input(&mut graph, format!("x{i}"), shape(text), case.range))
        .collect();
    let y = (case.build)(&mut graph, &operands).unwrap();
    let linearity = graph.node(y).op().unwrap().linearity();
    graph.begin_scope("loss");
    let shape = graph.shape(y).clone();
    let factors = input(&mut graph, "factors".into(), shape, [0.5, 1.5]);
    let weighted = graph.mul(y, factors).unwrap();
    let loss = graph.sum_all(weighted).unwrap();
    let model = Model {
        inputs: vec![InputRole::Samples; operands.len() + 1],
        input: operands[0],
        target: factors,
        prediction: y,
        data_loss: loss,
        loss,
        parameters: Vec::new(),
        running_statistics: Vec::new(),
        layers: Vec::new(),
        graph,
    };
    (model, inputs, linearity)
}

fn check_all<T: Float>(rounding: f64) {
    for case in examples::<T>() {
        let place = format!("{} {:?}", case.file, case.shapes);
        let (model, inputs, linearity) = network(&case);
        let tensors: Vec<&Tensor<T>> = inputs.iter().collect();
        let run = RunArgs { inputs: &Tensors(&tensors), ..RunArgs::default() };
        let pass = ExplainedPass::new(&model, Prediction::Scores, BATCH, &run).unwrap();
        let rounding = if case.shapes[0] == "N 8 8 12" { 10.0 * rounding } else { rounding };
        let mut n_checked = 0;
        for node in pass.nodes() {
            let len: usize = node.shape.iter().product();
            for at in [0, len / 2, len - 1] {
                let mut rest = at;
                let mut index = vec![0; node.shape.len()];
                for (index, size) in index.iter_mut().zip(&node.shape).rev() {
                    (*index, rest) = (rest % size, rest / size);
                }
                let name = ElementName::value(node.path.clone(), index);
                let explanation = pass.explain(&name, usize::MAX, BATCH - 1).unwrap();
                let has_value = check(&explanation, rounding, &place);
                if node.path.starts_with("op.") && !node.path.starts_with("op.input") {
                    n_checked += usize::from(has_value);
                    assert_eq!(
                        explanation.relation == Relation::Formula,
                        linearity == Linearity::Nonlinear,
                        "{place}"
                    );
                }
                if explanation.gradient.is_some() {
                    let gradient = pass.explain(&name.gradient(), usize::MAX, BATCH - 1).unwrap();
                    check(&gradient, rounding, &place);
                }
            }
        }
        assert!(n_checked > 0, "{place}: nothing was checked");
    }
}

#[test]
fn every_op_states_what_its_numbers_follow_from_in_double_precision() {
    check_all::<f64>(1e-12);
}

#[test]
fn every_op_states_what_its_numbers_follow_from_in_single_precision() {
    check_all::<f32>(1e-5);
}

#[test]
fn every_file_of_the_registry_of_ops_has_an_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../graph/src/ops");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let files: BTreeSet<String> = files.filter(|name| name != "mod").collect();
    let examples: BTreeSet<String> =
        examples::<f64>().iter().map(|case| case.file.to_owned()).collect();
    assert_eq!(examples, files);
}
