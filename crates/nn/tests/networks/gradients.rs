//! Gradients of whole networks: against finite differences, in both precisions, and however they are compiled.

use std::collections::BTreeMap;

use gradus_nn::init::Initializer;
use gradus_nn::{Layer, Loss, Mode, Model, Network, Objective, Penalty};
use graph::gradient_check::{GradCheckOptions, gradient_check};
use graph::{Compile, Float, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;

use crate::common::{network, normal, samples};

/// Every layer kind, between layers whose parameters feel its gradient.
const NETWORKS: &[(&str, &str)] = &[
    ("[6]", r#"{ linear = { units = 5 } }, { linear = { units = 3, bias = false } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, { batch_norm = {} }, { linear = { units = 3 } }"#),
    (
        "[6]",
        r#"{ linear = { units = 5 } }, { dropout = { rate = 0.4 } }, { linear = { units = 3 } }"#,
    ),
    (
        "[6]",
        r#"{ linear = { units = 5 } }, { dropout = { rate = 0.4, scaling = "at_evaluation" } }, { linear = { units = 3 } }"#,
    ),
    ("[6]", r#"{ linear = { units = 5 } }, "relu", { linear = { units = 3 } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, { leaky_relu = {} }, { linear = { units = 3 } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, "sigmoid", { linear = { units = 3 } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, "tanh", { linear = { units = 3 } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, "softplus", { linear = { units = 3 } }"#),
    ("[6]", r#"{ linear = { units = 5 } }, "softmax", { linear = { units = 3 } }"#),
    (
        "[5, 6, 2]",
        r#"{ conv2d = { filters = 3, kernel = [2, 3], padding = "same" } }, "tanh",
           { conv2d = { filters = 2, kernel = 2, stride = 2, padding = [1, 0, 0, 2] } },
           "flatten", { linear = { units = 3 } }"#,
    ),
    (
        "[5, 6, 2]",
        r#"{ conv2d = { filters = 3, kernel = 2, bias = false } }, { batch_norm = { scale = false } },
           { max_pool2d = { size = 2 } }, "flatten", { linear = { units = 3 } }"#,
    ),
    (
        "[5, 6, 2]",
        r#"{ conv2d = { filters = 3, kernel = 2 } },
           { avg_pool2d = { size = [2, 3], stride = 1, padding = "same" } },
           "flatten", { linear = { units = 3 } }"#,
    ),
];

/// Many layers at once. No bias stands before a batch normalisation, where its gradient would be 0.
const DEEP: (&str, &str) = (
    "[8, 8, 2]",
    r#"{ conv2d = { filters = 4, kernel = 3, padding = "same", bias = false } }, { batch_norm = {} }, "relu",
       { max_pool2d = { size = 2 } },
       { conv2d = { filters = 6, kernel = 3, stride = 2, padding = "same" } }, { leaky_relu = {} },
       { avg_pool2d = { size = 2 } }, "flatten",
       { linear = { units = 12, bias = false } }, { batch_norm = { scale = false } }, "sigmoid", { dropout = { rate = 0.25 } },
       { linear = { units = 9 } }, "tanh", { linear = { units = 8 } }, "softplus", { linear = { units = 3 } }"#,
);

/// A network with parameters, samples and targets, all drawn at random as `f32` numbers.
struct Trial<T> {
    model: Model<T>,
    parameters: Vec<T>,
    inputs: [Tensor<T>; 2],
    batch: usize,
}

impl<T: Float> Trial<T> {
    /// Targets are class numbers `[N]`, or rows of numbers.
    fn new(network: &Network, loss: &Loss, target: Shape, batch: usize) -> Self {
        let penalty = Penalty { l1: 0.01, l2: 0.02 };
        let objective = Objective { loss: loss.clone(), penalty };
        let outputs = network.outputs().unwrap();
        let model: Model<T> =
            network.model_with_target(Mode::Train, &objective, outputs, target.clone()).unwrap();
        let mut random = Stream::new(11, 0);
        // No parameter is 0, where a bias of a ReLU would put a kink.
        let parameters = normal(model.graph.n_parameters(), 0.5, &mut random);
        let samples = samples(network, batch, &mut random);
        let sizes = target.with_batch(batch);
        let drawn: Vec<T> = if target.dims().is_empty() {
            (0..batch).map(|_| T::from_f64(random.below(outputs as u64) as f64)).collect()
        } else {
            normal(sizes.iter().product(), 0.5, &mut random)
        };
        Self { model, parameters, inputs: [samples, Tensor::new(sizes, drawn)], batch }
    }

    /// The loss and the gradients of all parameters.
    fn run(&self, options: Compile) -> (T, Vec<T>) {
        let options = Compile { batch: self.batch, loss: Some(self.model.loss), ..options };
        let mut program = Program::new(self.model.graph.clone(), &options).unwrap();
        let inputs = &Tensors(&self.inputs.each_ref());
        program.run(&RunArgs {
            parameters: &self.parameters,
            inputs,
            seed: 5,
            ..RunArgs::default()
        });
        (program.scalar(self.model.loss), program.gradients().to_vec())
    }
}

fn loss(name: &str) -> Loss {
    toml::from_str::<BTreeMap<String, Loss>>(&format!("loss = '{name}'")).unwrap()["loss"].clone()
}

/// Checks every parameter, one number after the other.
#[track_caller]
fn assert_gradients_agree(trial: &Trial<f64>, what: &str) {
    let options =
        GradCheckOptions { batch: trial.batch, directions: None, ..GradCheckOptions::default() };
    let inputs = &Tensors(&trial.inputs.each_ref());
    let graph = trial.model.graph.clone();
    let report =
        gradient_check(graph, trial.model.loss, &trial.parameters, inputs, &options).unwrap();
    assert_eq!(report.len(), trial.model.parameters.len());
    for (checked, spec) in report.iter().zip(&trial.model.parameters) {
        assert!(checked.error <= 1e-6, "{what}: {}: {checked:?}", spec.name);
        assert_eq!(checked.compared, spec.range.len(), "{what}: {}: {checked:?}", spec.name);
    }
}

#[test]
fn every_layer_has_the_gradient_of_its_differences() {
    for (input, layers) in NETWORKS {
        let network = network(input, layers);
        let trial = Trial::new(&network, &Loss::default(), Shape::batch([]), 4);
        assert_gradients_agree(&trial, layers);
    }
    let is_covered = |kind: &&&str| NETWORKS.iter().any(|(_, layers)| layers.contains(**kind));
    let missing: Vec<_> = Layer::NAMES.iter().filter(|kind| !is_covered(kind)).collect();
    assert!(missing.is_empty(), "no network has {missing:?}");
}

#[test]
fn every_loss_has_the_gradient_of_its_differences() {
    for name in Loss::NAMES {
        // Scores may be any numbers, probabilities may not.
        let last = if *name == "cross_entropy_of_probabilities" { r#", "softmax""# } else { "" };
        let layers = format!(
            r#"{{ linear = {{ units = 5 }} }}, "tanh", {{ linear = {{ units = 3 }} }}{last}"#
        );
        let network = network("[4]", &layers);
        for target in [Shape::batch([]), Shape::batch([3])] {
            let what = format!("{name} with targets {target}");
            assert_gradients_agree(&Trial::new(&network, &loss(name), target, 4), &what);
        }
    }
}

#[test]
fn both_precisions_agree_to_the_rounding_of_the_smaller() {
    let network = network(DEEP.0, DEEP.1);
    let (loss, labels) = (Loss::default(), Shape::batch([]));
    let (single, double) = (
        Trial::<f32>::new(&network, &loss, labels.clone(), 37),
        Trial::<f64>::new(&network, &loss, labels, 37),
    );
    let (l32, g32) = single.run(Compile::default());
    let (l64, g64) = double.run(Compile::default());
    // Ten layers deep, some dozens of roundings; a batch normalisation behind subtracts gradients of much
    // the same size from each other, which costs another digit.
    let tolerance = 1000.0 * f64::from(f32::EPSILON);
    assert!((f64::from(l32) - l64).abs() <= tolerance * l64, "{l32} is not {l64}");
    for spec in &double.model.parameters {
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let (g32, g64) = (&g32[spec.range.clone()], &g64[spec.range.clone()]);
        let distance = norm(&mut g32.iter().zip(g64).map(|(a, b)| f64::from(*a) - b));
        let size = norm(&mut g64.iter().copied());
        assert!(distance <= tolerance * size, "{}: {:e}", spec.name, distance / size);
    }
}

#[test]
fn gradients_are_the_same_whatever_is_kept() {
    let network = network(DEEP.0, DEEP.1);
    let trial = Trial::<f32>::new(&network, &Loss::default(), Shape::batch([]), 37);
    for tile in [None, Some(16)] {
        // What nobody reads later is computed in place; what is kept has a place of its own.
        let fused = trial.run(Compile { tile, ..Compile::default() });
        let kept = trial.run(Compile { tile, keep_all: true, ..Compile::default() });
        assert_eq!(fused, kept, "tile {tile:?}");
    }
}

#[test]
fn both_precisions_begin_with_the_same_parameters() {
    for name in Initializer::NAMES {
        let text = format!(
            "input = [5, 5, 2]\nweight_init = '{name}'\nbias = 0.1\nlayers = [{}]",
            r#"{ conv2d = { filters = 3, kernel = 2 } }, "flatten", { linear = { units = 4 } }"#
        );
        let network: Network = toml::from_str(&text).unwrap();
        let objective = Objective::default();
        let single =
            network.model::<f32>(Mode::Train, &objective, 4).unwrap().initial_parameters(3);
        let double =
            network.model::<f64>(Mode::Train, &objective, 4).unwrap().initial_parameters(3);
        assert!(single.iter().zip(&double).all(|(&a, &b)| a == b as f32), "{name}");
        let other = network.model::<f64>(Mode::Train, &objective, 4).unwrap().initial_parameters(4);
        assert_eq!(*name == "constant", double == other, "{name} draws from the seed");
    }
}
