//! Random graphs with branches, merges, outputs that several layers take, and frozen parts.
#![allow(clippy::print_stdout, reason = "the networks are for those who ask with --nocapture")]

use std::sync::Arc;

use data::{Dataset, Features, Targets};
use gradus_train::Trainer;
use gradus_train::gradient_check::gradient_check;
use graph::gradient_check::{GradCheckOptions, GradCheckOutcome};
use graph::{Compile, Float, Pool};
use nn::{Mode, Network, Objective};
use random_networks::{RandomTrial, SEEDS, network};
use runs::{Experiment, Split};

use crate::made_up::experiment;

const CLASSES: usize = 3;

/// An experiment with this network, and data for it.
fn experiment_of(network: Network, seed: u64) -> (Experiment, Dataset) {
    let trial = RandomTrial::<f32>::new(&network, &Objective::default(), Mode::Train, 50, seed);
    let labels = trial.targets.values().iter().map(|&label| label as u32).collect();
    let targets = Targets::Labels { values: labels, classes: CLASSES };
    let features = Features::F32(trial.samples.values().to_vec());
    let dataset = Dataset::new("random", network.input.clone(), features, targets).unwrap();
    let settings = "batch = 20\nsteps = 6\nseed = 3\noptimizer = 'adam'\n\
                    schedule = { kind = 'constant', learning_rate = 0.01 }";
    let made = experiment("input = [1]\nlayers = [{ kind = 'linear', units = 3 }]", settings);
    (Experiment { name: format!("random-{seed}"), model: network, ..made }, dataset)
}

/// `cargo test -p gradus-train random_networks -- --nocapture` prints the networks.
#[test]
fn every_gradient_of_ten_random_networks_is_that_of_finite_differences() {
    for seed in SEEDS {
        let (experiment, dataset) = experiment_of(network(seed), seed);
        println!("{}", experiment.to_text());
        let options = GradCheckOptions { batch: 5, ..GradCheckOptions::default() };
        let report = gradient_check(&experiment, &dataset, &options).unwrap();
        let mut compared = 0;
        for (spec, checked) in &report {
            println!("{:24} {:?} {checked:?}", spec.path, spec.shape);
            if spec.is_frozen {
                assert_eq!(checked.outcome, GradCheckOutcome::Frozen, "{seed}: {}", spec.path);
            } else {
                assert!(checked.passes(1e-6), "{seed}: {}: {checked:?}", spec.path);
                compared += checked.compared.len();
            }
        }
        assert!(compared > 0, "{seed}");
    }
}

#[test]
fn random_networks_have_the_same_bytes_for_any_number_of_threads() {
    for seed in SEEDS {
        let (experiment, dataset) = experiment_of(network(seed), seed);
        let digest = |threads| {
            let split = Split { train: dataset.clone(), test: dataset.clone() };
            let pool = Arc::new(Pool::new(threads));
            let mut trainer = Trainer::new(experiment.clone(), split, pool).unwrap();
            let summary = trainer.run(None, &mut []).summary;
            (summary.weights_digest, summary.train.loss().to_bits(), summary.test.loss().to_bits())
        };
        let alone = digest(1);
        assert_eq!([digest(2), digest(3)], [alone.clone(), alone], "{seed}");
    }
}

/// Loss, prediction and gradients.
fn numbers<T: Float>(trial: &RandomTrial<T>, tile: Option<usize>) -> [Vec<f64>; 3] {
    let keep = vec![trial.model.prediction];
    let program = trial.run(&Compile { tile, keep, ..Compile::default() });
    let double = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<_>>();
    let prediction = program.value(trial.model.prediction).unwrap();
    [
        double(&[program.scalar(trial.model.loss)]),
        double(prediction.values()),
        double(program.gradients()),
    ]
}

/// The L2 norm of the difference over that of the second.
fn distance(found: &[f64], wanted: &[f64]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut found.iter().zip(wanted).map(|(f, w)| f - w)) / norm(&mut wanted.iter().copied())
}

#[test]
fn random_networks_agree_for_every_tile_width_in_both_precisions() {
    /// Some dozens of roundings in a row, each of sums of a few hundred products at most.
    const SINGLE: f64 = 2000.0 * f32::EPSILON as f64;
    const DOUBLE: f64 = 2000.0 * f64::EPSILON;
    for seed in SEEDS {
        let (network, objective) = (network(seed), Objective::default());
        for (batch, tiles) in [(5, &[None, Some(1), Some(3)][..]), (37, &[None, Some(16)])] {
            let double = RandomTrial::<f64>::new(&network, &objective, Mode::Train, batch, seed);
            let single = RandomTrial::<f32>::new(&network, &objective, Mode::Train, batch, seed);
            let wanted = numbers(&double, Some(batch));
            for &tile in tiles {
                let place = format!("seed {seed}, batch {batch}, tile {tile:?}");
                for (found, wanted) in numbers(&double, tile).iter().zip(&wanted) {
                    assert!(distance(found, wanted) <= DOUBLE, "{place}: {found:?} {wanted:?}");
                }
                for (found, wanted) in numbers(&single, tile).iter().zip(&wanted) {
                    let error = distance(found, wanted);
                    assert!(error <= SINGLE, "{place}: {error:e}");
                    let mutant: Vec<_> = wanted.iter().map(|value| 1.001 * value).collect();
                    assert!(distance(&mutant, wanted) > SINGLE);
                }
            }
        }
    }
}
