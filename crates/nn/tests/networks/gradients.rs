//! Gradients of whole networks: against finite differences, in both precisions, and however they are compiled.

use gradus_nn::init::Initializer;
use gradus_nn::losses::{Prediction, cross_entropy::CrossEntropy, huber::Huber};
use gradus_nn::{LayerKind, Loss, Mode, Model, Network, Objective, Penalty};
use graph::gradient_check::{GradCheckOptions, gradient_check};
use graph::{Compile, Float, Shape, Tensor, Tensors};
use kernels::random::Stream;

use crate::common::{examples, model, network, normal, run, samples};

/// Many layers at once. No bias stands before a batch normalisation, where its gradient would be 0.
const DEEP: (&str, &str) = (
    "[8, 8, 2]",
    r#"{ kind = "conv2d", filters = 4, kernel = 3, padding = "same", bias = false }, { kind = "batch_norm" }, "relu",
       { kind = "max_pool2d", size = 2 },
       { kind = "conv2d", filters = 6, kernel = 3, stride = 2, padding = "same" }, { kind = "leaky_relu" },
       { kind = "avg_pool2d", size = 2 }, "flatten",
       { kind = "linear", units = 12, bias = false }, { kind = "batch_norm", scale = false }, "sigmoid", { kind = "dropout", rate = 0.25 },
       { kind = "linear", units = 9 }, "tanh", { kind = "linear", units = 8 }, "softplus", { kind = "linear", units = 3 }"#,
);

/// One output that five layers take, merges of an output with itself, dropout and batch normalisation in branches, and a
/// branch from the input at the end.
const BRANCHED: (&str, &str) = (
    "[6, 7, 2]",
    r#"{ kind = "conv2d", filters = 4, kernel = 3, padding = "same", name = "stem" }, "tanh",
       { kind = "conv2d", filters = 4, kernel = 3, padding = "same", bias = false }, "batch_norm", { kind = "dropout", rate = 0.3 },
       { kind = "add", from = ["stem", "2.tanh", "stem"], name = "sum" },
       { kind = "depthwise_conv2d", kernel = 3, padding = "same", bias = false, from = "stem" }, "batch_norm", { kind = "add", from = ["8.batch_norm"] },
       { kind = "concat", from = ["sum", "stem", "sum"] },
       { kind = "concat", from = ["10.concat"], axis = 1 }, { kind = "group_norm", groups = 4 }, "silu",
       { kind = "avg_pool2d", size = 3 }, "flatten", { kind = "linear", units = 3, name = "scores" },
       { kind = "flatten", from = "input" }, { kind = "dropout", rate = 0.2 }, { kind = "linear", units = 3 },
       { kind = "add", from = ["scores", "scores"] }"#,
);

/// A network with parameters, samples and targets, all drawn at random as `f32` numbers.
struct NetworkTrial<T> {
    model: Model<T>,
    parameters: Vec<T>,
    inputs: [Tensor<T>; 2],
    batch: usize,
}

impl<T: Float> NetworkTrial<T> {
    /// With the default loss of class numbers.
    fn of_classes(network: &Network, batch: usize) -> Self {
        Self::new(network, &Loss::default(), Shape::batch([]), batch)
    }

    /// Targets are class numbers `[N]`, or rows of numbers.
    fn new(network: &Network, loss: &Loss, target: Shape, batch: usize) -> Self {
        let penalty = Penalty { l1: 0.01, l2: 0.02 };
        let objective = Objective { loss: loss.clone(), penalty, ..Objective::default() };
        let outputs = network.outputs().unwrap();
        let model: Model<T> =
            network.model(Mode::Train, &objective, outputs, target.clone()).unwrap();
        let mut random = Stream::new(11, 0);
        // No parameter is 0, where a bias of a ReLU would put a kink.
        let parameters = normal(model.graph.n_parameters(), 0.5, &mut random);
        let samples = samples(network, batch, &mut random);
        let sizes = target.with_batch(batch);
        let drawn: Vec<T> = if target.dims().is_empty() {
            let classes = loss.classes(outputs) as u64;
            (0..batch).map(|_| T::from_f64(random.below(classes) as f64)).collect()
        } else {
            normal(sizes.iter().product(), 0.5, &mut random)
        };
        Self { model, parameters, inputs: [samples, Tensor::new(sizes, drawn)], batch }
    }

    /// The loss and the gradients of all parameters.
    fn run(&self, options: Compile) -> (T, Vec<T>) {
        let options = Compile { batch: self.batch, loss: Some(self.model.loss), ..options };
        let graph = self.model.graph.clone();
        let program = run(graph, &options, &self.parameters, &self.inputs.each_ref());
        (program.scalar(self.model.loss), program.gradients().to_vec())
    }
}

/// Checks every parameter, one number after the other.
#[track_caller]
fn assert_gradients_agree(trial: &NetworkTrial<f64>, what: &str) {
    let options =
        GradCheckOptions { batch: trial.batch, directions: None, ..GradCheckOptions::default() };
    let inputs = &Tensors(&trial.inputs.each_ref());
    let graph = trial.model.graph.clone();
    let report =
        gradient_check(graph, trial.model.loss, &trial.parameters, inputs, &options).unwrap();
    assert_eq!(report.len(), trial.model.parameters.len());
    for (checked, spec) in report.iter().zip(&trial.model.parameters) {
        assert!(checked.passes(1e-6), "{what}: {}: {checked:?}", spec.path);
        assert_eq!(checked.compared.len(), spec.range.len(), "{what}: {}: {checked:?}", spec.path);
    }
}

#[test]
fn every_layer_has_the_gradient_of_its_differences() {
    for example in examples() {
        if let LayerKind::Embedding(embedding) = &example.layer.kind {
            let count = embedding.count as u64;
            let last = "'flatten', { kind = 'linear', units = 3 }";
            let mut network = network(&format!("{:?}", example.input), last);
            network.layers.insert(0, example.layer.clone());
            let mut trial = NetworkTrial::of_classes(&network, 4);
            let mut random = Stream::new(3, 0);
            trial.inputs[0].values_mut().fill_with(|| random.below(count) as f64);
            assert_gradients_agree(&trial, "embedding");
            continue;
        }
        // Between layers whose parameters feel its gradient.
        let channels = example.input.last().unwrap();
        let first = match example.input.len() {
            1 => format!("{{ kind = 'linear', units = {channels} }}"),
            _ => format!("{{ kind = 'conv2d', filters = {channels}, kernel = 1 }}"),
        };
        let around = format!("{first}, 'flatten', {{ kind = 'linear', units = 3 }}");
        let mut network = network(&format!("{:?}", example.input), &around);
        network.layers.insert(1, example.layer.clone());
        let trial = NetworkTrial::of_classes(&network, 4);
        assert_gradients_agree(&trial, &format!("{example:?}"));
    }
}

#[test]
fn many_layers_in_a_row_have_the_gradient_of_their_differences() {
    let network = network(DEEP.0, DEEP.1);
    assert_gradients_agree(&NetworkTrial::of_classes(&network, 4), "deep");
}

#[test]
fn branches_and_merges_have_the_gradient_of_their_differences() {
    let network = network(BRANCHED.0, BRANCHED.1);
    assert_gradients_agree(&NetworkTrial::of_classes(&network, 4), "branched");
}

#[test]
fn every_loss_has_the_gradient_of_its_differences() {
    let defaults =
        Loss::NAMES.iter().map(|name| toml::from_str(&format!("kind = '{name}'")).unwrap());
    // Errors on both sides of the kink.
    let others: [Loss; 2] =
        [CrossEntropy { label_smoothing: 0.2 }.into(), Huber { delta: 0.4 }.into()];
    for loss in defaults.chain(others) {
        // Scores may be any numbers, probabilities may not.
        let last =
            if loss.prediction() == Prediction::Probabilities { r#", "softmax""# } else { "" };
        for outputs in [1, 3] {
            let layers = format!(
                r#"{{ kind = "linear", units = 5 }}, "tanh", {{ kind = "linear", units = {outputs} }}{last}"#
            );
            let network = network("[4]", &layers);
            for target in [Shape::batch([]), Shape::batch([outputs])] {
                let what = format!("{loss:?} of {outputs} outputs with targets {target}");
                assert_gradients_agree(&NetworkTrial::new(&network, &loss, target, 4), &what);
            }
        }
    }
}

/// The L2 norm of the difference of two gradients, relative to the second.
fn distance(found: &[f64], wanted: &[f64]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let difference = squares(&mut found.iter().zip(wanted).map(|(f, w)| f - w));
    (difference / squares(&mut wanted.iter().copied())).sqrt()
}

/// Runs a network in `f32` and in `f64` on the same numbers: loss and gradients differ by `tolerance` at most, and a
/// gradient that is 0.1 % off would be noticed.
#[track_caller]
fn assert_precisions_agree(network: &Network, batch: usize, tile: Option<usize>, tolerance: f64) {
    let single = NetworkTrial::<f32>::of_classes(network, batch);
    let double = NetworkTrial::<f64>::of_classes(network, batch);
    let (l32, g32) = single.run(Compile { tile, ..Compile::default() });
    let (l64, g64) = double.run(Compile { tile, ..Compile::default() });
    assert!((f64::from(l32) - l64).abs() <= tolerance * l64, "{l32} is not {l64}");
    let g32: Vec<f64> = g32.into_iter().map(f64::from).collect();
    for spec in &double.model.parameters {
        let (g32, g64) = (&g32[spec.range.clone()], &g64[spec.range.clone()]);
        let error = distance(g32, g64);
        assert!(error <= tolerance, "batch {batch}, tile {tile:?}, {}: {error:e}", spec.path);
        let mutant: Vec<f64> = g32.iter().map(|g| 1.001 * g).collect();
        assert!(distance(&mutant, g64) > tolerance, "{}: a mutant passes", spec.path);
    }
}

#[test]
fn both_precisions_agree_to_the_rounding_of_the_smaller() {
    // Ten layers deep, some dozens of roundings; a batch normalisation behind subtracts gradients of much
    // the same size from each other, which costs another digit.
    let tolerance = 1000.0 * f64::from(f32::EPSILON);
    assert_precisions_agree(&network(DEEP.0, DEEP.1), 37, None, tolerance);
}

#[test]
fn branches_and_merges_agree_in_both_precisions_for_every_tile_width() {
    let (network, tolerance) = (network(BRANCHED.0, BRANCHED.1), 1000.0 * f64::from(f32::EPSILON));
    for (batch, tile) in [
        (5, None),
        (5, Some(1)),
        (5, Some(3)),
        (37, None),
        (37, Some(16)),
        (130, None),
        (130, Some(48)),
    ] {
        assert_precisions_agree(&network, batch, tile, tolerance);
    }
}

/// Three layers, each a sum of at most `terms` products, whose partial sums are rounded: `8·u·√terms` each, half of
/// what the check of one op allows.
fn rounding_of_three_layers(terms: usize) -> f64 {
    3.0 * 8.0 * f64::from(f32::EPSILON) / 2.0 * (terms as f64).sqrt()
}

/// Convolutions with twelve channels and more, square kernels of 3 and 5 and stride 1: by Winograd's algorithm.
fn winograd(first_kernel: usize, padding: &str) -> Network {
    network(
        "[8, 9, 12]",
        &format!(
            r#"{{ kind = "conv2d", filters = 13, kernel = {first_kernel}, padding = {padding} }}, "tanh",
               {{ kind = "conv2d", filters = 12, kernel = 5, padding = "same" }}, "tanh",
               "flatten", {{ kind = "linear", units = 3 }}"#
        ),
    )
}

#[test]
fn convolutions_by_winograd_agree_in_both_precisions() {
    for (batch, tile) in [(37, Some(16)), (48, None), (128, Some(128))] {
        // 13 channels of 5 × 5 taps; over 72 positions of all samples.
        let tolerance = rounding_of_three_layers((13 * 25).max(72 * batch));
        assert_precisions_agree(&winograd(3, "'same'"), batch, tile, tolerance);
    }
}

#[test]
fn a_convolution_by_winograd_is_the_plain_one_with_a_rim_of_zeros() {
    // A kernel of 4 × 4, which Winograd's algorithm does not take, with zeros in its last row and column.
    let batch = 37;
    let fast = NetworkTrial::<f32>::of_classes(&winograd(3, "'same'"), batch);
    let mut plain = NetworkTrial::<f32>::of_classes(&winograd(4, "[1, 2, 1, 2]"), batch);
    plain.inputs = fast.inputs.clone();
    let tap_len = 12 * 13;
    let common = |tap: usize| (tap % 4 < 3 && tap / 4 < 3).then_some(tap / 4 * 3 + tap % 4);
    let (weight, rest) = fast.parameters.split_at(9 * tap_len);
    let padded = (0..16).flat_map(|tap| match common(tap) {
        Some(tap) => weight[tap * tap_len..][..tap_len].to_vec(),
        None => vec![0.0; tap_len],
    });
    plain.parameters = padded.chain(rest.iter().copied()).collect();
    let options = Compile { tile: Some(16), ..Compile::default() };
    let (fast_loss, fast) = fast.run(options.clone());
    let (plain_loss, plain) = plain.run(options);
    assert!((fast_loss - plain_loss).abs() < 1e-5 * plain_loss, "{fast_loss} {plain_loss}");
    let taps = (0..16).filter(|&tap| common(tap).is_some());
    let weight: Vec<f32> =
        taps.flat_map(|tap| plain[tap * tap_len..][..tap_len].to_vec()).collect();
    let plain = weight.iter().chain(&plain[16 * tap_len..]).map(|&g| f64::from(g));
    let plain: Vec<f64> = plain.collect();
    let fast: Vec<f64> = fast.into_iter().map(f64::from).collect();
    for part in [0..9 * tap_len, 9 * tap_len..fast.len()] {
        let error = distance(&fast[part.clone()], &plain[part]);
        assert!(error <= rounding_of_three_layers(72 * batch), "{error:e}");
    }
}

/// Two weights of more than 2¹⁸ elements: batches below 1024 samples take them row by row.
const ROW_PARALLEL: (&str, &str) = (
    "[600]",
    r#"{ kind = "linear", units = 512 }, "tanh", { kind = "linear", units = 520 }, "tanh", { kind = "linear", units = 3 }"#,
);

#[test]
fn row_parallel_layers_agree_in_both_precisions() {
    let network = network(ROW_PARALLEL.0, ROW_PARALLEL.1);
    for batch in [16, 512, 600] {
        assert_precisions_agree(&network, batch, None, rounding_of_three_layers(600.max(batch)));
    }
}

#[test]
fn row_parallel_layers_give_the_gradients_of_plain_ones() {
    // The same samples twice are a batch so large that every tile reads all weights.
    let network = network(ROW_PARALLEL.0, ROW_PARALLEL.1);
    let row_parallel = NetworkTrial::<f32>::of_classes(&network, 512);
    let mut plain = NetworkTrial::<f32>::of_classes(&network, 1024);
    plain.parameters.clone_from(&row_parallel.parameters);
    plain.inputs = row_parallel.inputs.each_ref().map(|half| {
        let sizes = [&[1024], &half.shape()[1..]].concat();
        Tensor::new(sizes, [half.values(), half.values()].concat())
    });
    let (loss, gradients) = row_parallel.run(Compile::default());
    let (plain_loss, plain) = plain.run(Compile::default());
    assert!((loss - plain_loss).abs() < 1e-5 * plain_loss, "{loss} {plain_loss}");
    let [gradients, plain]: [Vec<f64>; 2] =
        [gradients, plain].map(|g| g.into_iter().map(f64::from).collect());
    for spec in &row_parallel.model.parameters {
        let error = distance(&gradients[spec.range.clone()], &plain[spec.range.clone()]);
        assert!(error <= rounding_of_three_layers(1024), "{}: {error:e}", spec.path);
    }
}

#[test]
fn gradients_are_the_same_whatever_is_kept() {
    for (input, layers) in [DEEP, BRANCHED] {
        let trial = NetworkTrial::<f32>::of_classes(&network(input, layers), 37);
        for tile in [None, Some(16)] {
            // What nobody reads later is computed in place; what is kept has a place of its own.
            let fused = trial.run(Compile { tile, ..Compile::default() });
            let kept = trial.run(Compile { tile, keep_all: true, ..Compile::default() });
            assert_eq!(fused, kept, "tile {tile:?}");
        }
    }
}

#[test]
fn both_precisions_begin_with_the_same_parameters() {
    for name in Initializer::NAMES {
        let text = format!(
            "input = [5, 5, 2]\nweight_init = '{name}'\nbias = 0.1\nlayers = [{}]",
            r#"{ kind = "conv2d", filters = 3, kernel = 2 }, "flatten", { kind = "linear", units = 4 }"#
        );
        let network: Network = toml::from_str(&text).unwrap();
        let single = initial_parameters::<f32>(&network, 3);
        let double = initial_parameters::<f64>(&network, 3);
        assert!(single.iter().zip(&double).all(|(&a, &b)| a == b as f32), "{name}");
        let other = initial_parameters(&network, 4);
        let draws = !["constant", "zeros"].contains(name);
        assert_eq!(draws, double != other, "{name} draws from the seed");
    }
}

fn initial_parameters<T: Float>(network: &Network, seed: u64) -> Vec<T> {
    model(network, Mode::Train, &Objective::default()).initial_parameters(seed)
}
