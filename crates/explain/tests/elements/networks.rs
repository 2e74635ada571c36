//! Random cells of random networks.

use gradus_explain::element::{ElementName, ExplainedPass, PassNode, Relation};
use graph::{Float, RunArgs, Tensor, Tensors};
use kernels::random::Stream;
use nn::{Mode, Objective, Penalty};
use random_networks::{RandomTrial, SEEDS, network};

use crate::check;

const BATCH: usize = 5;
/// Cells of each node.
const CELLS: usize = 3;

fn objective() -> Objective {
    Objective { penalty: Penalty { l1: 0.01, l2: 0.1 }, ..Objective::default() }
}

fn random_name(node: &PassNode, random: &mut Stream) -> ElementName {
    let sample = node.is_batched.then(|| random.below(BATCH as u64) as usize);
    let index = node.shape.iter().map(|&size| random.below(size as u64) as usize);
    ElementName { sample, ..ElementName::value(node.path.clone(), index.collect::<Vec<_>>()) }
}

fn check_networks<T: Float>(rounding: f64) {
    for seed in SEEDS {
        for mode in [Mode::Train, Mode::Evaluate] {
            let place = format!("seed {seed}, {mode:?}");
            let trial = RandomTrial::<T>::new(&network(seed), &objective(), mode, BATCH, seed);
            let inputs = trial.inputs();
            let tensors: Vec<&Tensor<T>> = inputs.iter().collect();
            let run = RunArgs {
                parameters: &trial.parameters,
                inputs: &Tensors(&tensors),
                seed,
                ..RunArgs::default()
            };
            let prediction = objective().loss.prediction();
            let pass = ExplainedPass::new(&trial.model, prediction, BATCH, &run).unwrap();
            let mut random = Stream::new(seed, 99);
            let [mut sums, mut formulas, mut gradients] = [0; 3];
            for node in pass.nodes() {
                for _ in 0..CELLS {
                    let name = random_name(&node, &mut random);
                    let found = pass.explain(&name, usize::MAX, 0).unwrap();
                    assert_eq!(found.of.path, name.path, "{place}");
                    let is_checked = check(&found, rounding, &place);
                    match found.relation {
                        Relation::Formula => formulas += usize::from(is_checked),
                        _ => sums += usize::from(is_checked),
                    }
                    if let Some(gradient) = found.gradient {
                        let name = name.gradient();
                        let found = pass.explain(&name, usize::MAX, 0).unwrap();
                        assert_eq!(found.value, gradient);
                        gradients += usize::from(check(&found, rounding, &place));
                    }
                }
            }
            assert!(
                sums > 20 && formulas > 0 && gradients > 20,
                "{place}: {sums} {formulas} {gradients}"
            );
        }
    }
}

#[test]
fn random_cells_of_random_networks_follow_from_their_terms_in_double_precision() {
    check_networks::<f64>(1e-12);
}

#[test]
fn random_cells_of_random_networks_follow_from_their_terms_in_single_precision() {
    check_networks::<f32>(1e-5);
}

#[test]
fn shares_of_the_samples_add_up_to_the_gradient() {
    for seed in SEEDS {
        let (network, mode) = (network(seed), Mode::Train);
        let trial = RandomTrial::<f64>::new(&network, &objective(), mode, BATCH, seed);
        let inputs = trial.inputs();
        let tensors: Vec<&Tensor<f64>> = inputs.iter().collect();
        let (parameters, inputs) = (&trial.parameters[..], &Tensors(&tensors));
        let run = RunArgs { parameters, inputs, seed, ..RunArgs::default() };
        let prediction = objective().loss.prediction();
        let pass = ExplainedPass::new(&trial.model, prediction, BATCH, &run).unwrap();
        let mut random = Stream::new(seed, 5);
        for spec in trial.model.parameters.iter().filter(|spec| !spec.is_frozen) {
            let index = spec.shape.iter().map(|&size| random.below(size as u64) as usize);
            let name = ElementName::value(spec.path.clone(), index.collect::<Vec<_>>());
            let shares = pass.gradient_shares(&name).unwrap();
            assert_eq!(shares.of_samples.len(), BATCH);
            let sum = shares.of_samples.iter().sum::<f64>() + shares.of_all;
            let magnitude = shares.of_samples.iter().map(|share| share.abs()).sum::<f64>();
            let gradient = pass.number(&name.gradient(), 0).unwrap();
            let error = (sum - gradient).abs();
            assert!(error <= 1e-12 * (magnitude + shares.of_all.abs()), "{seed}: {}", spec.path);
        }
    }
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let trial = RandomTrial::<f64>::new(&network(0), &objective(), Mode::Evaluate, 2, 0);
    let inputs = trial.inputs();
    let tensors: Vec<&Tensor<f64>> = inputs.iter().collect();
    let (parameters, inputs) = (&trial.parameters[..], &Tensors(&tensors));
    let run = RunArgs { parameters, inputs, ..RunArgs::default() };
    let prediction = objective().loss.prediction();
    let pass = ExplainedPass::new(&trial.model, prediction, 2, &run).unwrap();
    for (name, expected) in [
        ("logit[0]", "the network has no `logit`; did you mean `logits`?"),
        ("logits[3]", "logits: expected an index from [0] to [2], found [3]"),
        ("logits", "logits: expected an index from [0] to [2], found []"),
        ("loss[0]", "loss: expected no index: it is one number, found [0]"),
        ("logits[0]@2", "the batch has no sample 2: expected 0 to 1"),
        (
            "gradient:probabilities[0]",
            "probabilities: has no gradient: the loss does not depend on it",
        ),
    ] {
        let error = pass.explain(&name.parse().unwrap(), 5, 0).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let probabilities: f64 = (0..3)
        .map(|class| pass.number(&format!("probabilities[{class}]").parse().unwrap(), 1).unwrap())
        .sum();
    assert!((probabilities - 1.0).abs() < 1e-12);
}
