//! Worked values that need a whole network: each test is named after its row in `docs/sources.md`.

use gradus_nn::losses::half_squared_error;
use gradus_nn::optim::{Optimize as _, StepInfo, adamw::AdamW, sgd::Sgd};
use gradus_nn::{Mode, Model, Network, Objective, Penalty};
use graph::gradient_check::numerical_gradient;
use graph::numeric::STEP;
use graph::{Compile, Graph, NodeId, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;

use crate::common::{model, network, normal, run, samples};

/// The predictions of a network for `samples`, with given parameters.
fn predict(network: &Network, parameters: &[f64], samples: &Tensor<f64>) -> Tensor<f64> {
    let model: Model<f64> = model(network, Mode::Evaluate, &Objective::default());
    let batch = samples.shape()[0];
    let options = Compile { batch, keep: vec![model.prediction], ..Compile::default() };
    let inputs = [samples, &Tensor::full([batch], 0.0)];
    run(model.graph, &options, parameters, &inputs).value(model.prediction).unwrap()
}

#[track_caller]
fn assert_close(found: &[f64], wanted: &[f64], tolerance: f64) {
    let is_close = |(f, w): (&f64, &f64)| (f - w).abs() <= tolerance;
    let all = found.len() == wanted.len() && found.iter().zip(wanted).all(is_close);
    assert!(all, "{found:?} is not {wanted:?}");
}

#[test]
fn g13_linear_scores_of_cat_dog_and_ship() {
    let weights = [[0.2, -0.5, 0.1, 2.0], [1.5, 1.3, 2.1, 0.0], [0.0, 0.25, 0.2, -0.3]];
    let biases = [1.1, 3.2, -1.2];
    // A column for each class, then the biases.
    let weight = (0..4).flat_map(|pixel| weights.map(|of_class| of_class[pixel]));
    let parameters: Vec<f64> = weight.chain(biases).collect();
    let image = Tensor::new([1, 4], [56.0, 231.0, 24.0, 2.0]);
    let scores = predict(&network("[4]", "{ kind = 'linear', units = 3 }"), &parameters, &image);
    assert_close(scores.values(), &[-96.8, 437.9, 60.75], 1e-12);
}

#[test]
fn a_linear_layer_in_the_ntk_parametrization_divides_by_the_root_of_its_inputs() {
    // (1·1 + 2·3 − 3·5 + 4·2) / √4 + 0.5, and with the signs of the second output changed.
    let parameters = [1.0, 1.0, 3.0, -3.0, 5.0, -5.0, 2.0, -2.0, 0.5, -0.25];
    let x = Tensor::new([1, 4], [1.0, 2.0, -3.0, 4.0]);
    let network = network("[4]", "{ kind = 'linear', units = 2, parametrization = 'ntk' }");
    assert_eq!(predict(&network, &parameters, &x).values(), [0.5, 0.75]);
}

#[test]
fn g16_l2_penalty_prefers_equal_weights() {
    let network = network("[4]", "{ kind = 'linear', units = 1, bias = false }");
    // Ours is half the sum of squares: the factor 2 makes it the sum.
    let objective = Objective { penalty: Penalty { l1: 0.0, l2: 2.0 }, ..Objective::default() };
    let model: Model<f64> = model(&network, Mode::Train, &objective);
    let (penalty, _) = model.graph.nodes().find(|(_, node)| node.name() == "penalty").unwrap();
    let options = Compile { keep: vec![penalty, model.prediction], ..Compile::default() };
    let inputs = [&Tensor::full([1, 4], 1.0), &Tensor::full([1], 0.0)];
    for (parameters, cost) in [([1.0, 0.0, 0.0, 0.0], 1.0), ([0.25; 4], 0.25)] {
        let program = run(model.graph.clone(), &options, &parameters, &inputs);
        assert_eq!(program.scalar(penalty), cost);
        assert_eq!(program.value(model.prediction).unwrap().values(), [1.0], "the same score");
    }
}

/// A neuron that fires where `weights · x + bias` is above 0.
fn perceptron(g: &mut Graph<f64>, x: NodeId, weights: [f64; 2], bias: f64) -> NodeId {
    let weights = g.constant(Tensor::new([2, 1], weights));
    let (sum, bias) = (g.matmul(x, weights).unwrap(), g.scalar(bias));
    let shifted = g.add(sum, bias).unwrap();
    g.step(shifted)
}

#[test]
fn g22_perceptrons_are_gates_and_two_layers_make_xor() {
    let and = |g: &mut Graph<f64>, x| perceptron(g, x, [0.5, 0.5], -0.7);
    let mut g = Graph::new();
    let x = g.input("x", Shape::batch([2]));
    let nand = perceptron(&mut g, x, [-0.5, -0.5], 0.7);
    let or = perceptron(&mut g, x, [0.5, 0.5], -0.2);
    let first = and(&mut g, x);
    // The two outputs side by side: each goes to a column of its own.
    let [left, right] = [[1.0, 0.0], [0.0, 1.0]].map(|column| Tensor::new([1, 2], column));
    let (left, right) = (g.constant(left), g.constant(right));
    let (nand_column, or_column) = (g.matmul(nand, left).unwrap(), g.matmul(or, right).unwrap());
    let both = g.add(nand_column, or_column).unwrap();
    let xor = and(&mut g, both);

    let gates = vec![first, nand, or, xor];
    let options = Compile { batch: 4, keep: gates.clone(), ..Compile::default() };
    let table = Tensor::new([4, 2], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    let program = run(g, &options, &[], &[&table]);
    let outputs = [[0., 0., 0., 1.], [1., 1., 1., 0.], [0., 1., 1., 1.], [0., 1., 1., 0.]];
    for (gate, wanted) in gates.into_iter().zip(outputs) {
        assert_eq!(program.value(gate).unwrap().values(), wanted);
    }
}

#[test]
fn g23_the_softmax_layer_has_7850_parameters() {
    let network = network("[28, 28, 1]", r#""flatten", { kind = "linear", units = 10 }"#);
    assert_eq!(network.n_parameters(), Ok(7850));
}

#[test]
fn g24_a_hundred_digits_give_a_hundred_rows_of_ten_scores() {
    let network = network("[784]", "{ kind = 'linear', units = 10 }");
    let model: Model<f64> = model(&network, Mode::Train, &Objective::default());
    let sizes: Vec<_> = model.parameters.iter().map(|spec| spec.shape.as_slice()).collect();
    assert_eq!(sizes, [&[784, 10][..], &[10]]);
    let (batch, mut random) = (100, Stream::new(1, 0));
    let parameters = normal(7850, 1.0, &mut random);
    let digits = samples(&network, batch, &mut random);
    let scores = predict(&network, &parameters, &digits);
    assert_eq!(scores.shape(), [100, 10]);
    // The bias is added to every row.
    let (weight, bias) = parameters.split_at(7840);
    let last = &digits.values()[99 * 784..];
    let score =
        |class| -> f64 { (0..784).map(|pixel| last[pixel] * weight[10 * pixel + class]).sum() };
    let wanted: Vec<f64> = (0..10).map(|class| score(class) + bias[class]).collect();
    assert_close(&scores.values()[990..], &wanted, 1e-10);
}

#[test]
fn g27_two_layer_gradients_are_those_of_differences() {
    let layers = r#"{ kind = "linear", units = 50 }, "relu", { kind = "linear", units = 10 }"#;
    let network = Network {
        weight_init: toml::from_str("kind = 'normal'\ndeviation = 0.01").unwrap(),
        ..network("[784]", layers)
    };
    let (batch, mut random) = (3, Stream::new(2, 0));
    let model: Model<f64> = model(&network, Mode::Train, &Objective::default());
    let pixels = samples(&network, batch, &mut random).map(|v: f64| v.abs().min(1.0));
    let inputs = [pixels, Tensor::new([batch], [5.0, 0.0, 4.0])];
    let parameters = model.initial_parameters(1);
    let compile = |loss, keep| {
        let options = Compile { batch, loss, keep, ..Compile::default() };
        Program::new(model.graph.clone(), &options).unwrap()
    };
    let inputs = &Tensors(&inputs.each_ref());
    let at = RunArgs { parameters: &parameters, inputs, ..RunArgs::default() };
    let mut trained = compile(Some(model.loss), vec![]);
    trained.run(&at);
    let numerical = numerical_gradient(&mut compile(None, vec![model.loss]), model.loss, &at, STEP);
    for spec in &model.parameters {
        let pairs =
            trained.gradients()[spec.range.clone()].iter().zip(&numerical[spec.range.clone()]);
        let sum: f64 = pairs.map(|(analytic, numerical)| (analytic - numerical).abs()).sum();
        let mean = sum / spec.range.len() as f64;
        assert!(mean < 1e-6, "{}: {mean:e}", spec.path);
    }
}

#[test]
fn l2_and_weight_decay_of_a_tenth_turn_1_into_99_hundredths() {
    let network = network("[1]", "{ kind = 'linear', units = 1, bias = false }");
    let loss = half_squared_error::HalfSquaredError {}.into();
    let objective =
        Objective { loss, penalty: Penalty { l1: 0.0, l2: 0.1 }, ..Objective::default() };
    let model: Model<f64> = model(&network, Mode::Train, &objective);
    let options = Compile { loss: Some(model.loss), ..Compile::default() };
    // The prediction is the target: only the penalty has a gradient.
    let inputs = [&Tensor::full([1, 1], 1.0), &Tensor::full([1], 1.0)];
    let program = run(model.graph, &options, &[1.0], &inputs);
    let step = StepInfo::new(0.1, 1);
    let mut weight = [1.0];
    Sgd {}.update(&step, &mut weight, program.gradients(), Default::default());
    assert_close(&weight, &[0.99], 1e-15);
    let mut weight = [1.0];
    let decay = AdamW { weight_decay: 0.1, ..AdamW::default() };
    decay.update(&step, &mut weight, &[0.0], [&mut [0.0], &mut [0.0], &mut [], &mut []]);
    assert_close(&weight, &[0.99], 1e-15);
}

#[test]
fn the_variance_of_a_batch_normalisation_is_the_biased_one() {
    let network = network("[1]", "{ kind = 'batch_norm' }");
    let model: Model<f64> = model(&network, Mode::Train, &Objective::default());
    let moments = model.running_statistics[0].moments;
    let options = Compile { batch: 4, keep: vec![moments], ..Compile::default() };
    let inputs = [&Tensor::new([4, 1], [1.0, 2.0, 3.0, 4.0]), &Tensor::full([4], 0.0)];
    let program = run(model.graph, &options, &[1.0, 0.0], &inputs);
    assert_close(program.value(moments).unwrap().values(), &[2.5, 1.25], 1e-15);
}
