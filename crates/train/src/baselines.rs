//! What simple methods reach on the same data: without it, a number of a network says little.

use std::cmp::Ordering;
use std::sync::Arc;

use data::{Dataset, FittedTarget, FittedTransforms, Targets};
use graph::Pool;
use kernels::{inlined, vectorize};
use nn::Network;
use nn::optim::adam::Adam;
use nn::schedule::cosine::CosineDecay;
use runs::{Evaluator, Experiment, Parts, SavedModel};
use serde::Serialize;

use crate::{TrainError, Trainer};

/// Neighbours that vote.
const NEIGHBOURS: usize = 5;
/// Training rows among which neighbours are looked for.
const MOST_ROWS: usize = 10_000;
/// Numbers of these, as many as 64 MB: fewer rows of large pictures.
const MOST_NUMBERS: usize = 16 << 20;
/// Products of two numbers that the search may take: seconds.
const MOST_PRODUCTS: usize = 20_000_000_000;
/// Steps of the linear model.
const LINEAR_STEPS: u64 = 2_000;

/// A simple method and what it reaches on the test set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baseline {
    /// The method: `majority` or `mean`, `linear`, `nearest`.
    pub name: &'static str,
    /// What it does, in words.
    pub about: String,
    /// Its [score](score_of).
    pub score: f64,
}

/// How well a model does on a test set: the accuracy or, of values, the root of the mean squared error in the unit of the
/// target.
///
/// # Errors
///
/// If the network does not fit to the set.
pub fn score_of(model: &SavedModel, test: &Dataset, pool: &Pool) -> Result<f64, TrainError> {
    let evaluation = Evaluator::new(&model.experiment, test)?.evaluate(Some(pool), test, model);
    let predicted: Vec<f32> = match test.targets() {
        Targets::Labels { .. } => evaluation.classes().map(|class| class as f32).collect(),
        Targets::Values { .. } => evaluation.rows().flatten().copied().collect(),
    };
    Ok(score(test.targets(), &model.transforms, &predicted))
}

/// The three baselines of prepared parts: the most frequent class or the mean, a linear model, and the five nearest
/// training rows of at most 10,000.
///
/// # Errors
///
/// If the linear model cannot be trained.
///
/// # Panics
///
/// If the parts are not prepared.
pub fn baselines(parts: &Parts, pool: &Arc<Pool>) -> Result<Vec<Baseline>, TrainError> {
    let transforms = parts.transforms().expect("prepared parts");
    let (train, test) = (&parts.train, &parts.test);
    let (name, about, simplest) = match train.targets() {
        Targets::Labels { values, classes } => {
            let class = most_frequent(values.iter().copied(), *classes);
            let about = format!("always {}", transforms.class_name(class as usize));
            ("majority", about, vec![class as f32; test.len()])
        }
        Targets::Values { values, width } => {
            let rows = values.chunks_exact(*width);
            ("mean", "always the mean".to_owned(), mean(rows, *width).repeat(test.len()))
        }
    };
    let simplest = Baseline { name, about, score: score(test.targets(), transforms, &simplest) };
    let linear = linear(parts, pool)?;
    Ok(vec![simplest, linear, nearest(train, test, transforms, pool)])
}

fn linear(parts: &Parts, pool: &Arc<Pool>) -> Result<Baseline, TrainError> {
    let train = &parts.train;
    let network = Network::builder(train.sample_shape());
    let network = if train.sample_shape().len() == 1 { network } else { network.flatten() };
    let network = network.linear(train.targets().width()).build()?;
    let loss: nn::Loss = match train.targets() {
        Targets::Labels { .. } => nn::Loss::default(),
        Targets::Values { .. } => nn::losses::mean_squared_error::MeanSquaredError {}.into(),
    };
    let experiment = Experiment::builder(network)
        .name("linear")
        .memory()
        .loss(loss)
        .optimizer(Adam::default())
        .schedule(CosineDecay { start: 0.01, ..CosineDecay::default() })
        .batch(train.len().min(256))
        .steps(LINEAR_STEPS)
        .evaluate_every(LINEAR_STEPS)
        .build()?;
    let mut trainer = Trainer::new(experiment, parts.clone(), Arc::clone(pool))?;
    while trainer.steps_done() < LINEAR_STEPS && trainer.step().is_ok() {}
    let score = score_of(trainer.saved(), &parts.test, pool)?;
    Ok(Baseline { name: "linear", about: "a linear model".to_owned(), score })
}

fn nearest(
    train: &Dataset,
    test: &Dataset,
    transforms: &FittedTransforms,
    pool: &Pool,
) -> Baseline {
    let len = train.sample_len();
    let n = train.len().min(MOST_ROWS).min((MOST_NUMBERS / len).max(1));
    let rows: Vec<usize> = (0..n).map(|i| i * train.len() / n).collect();
    let known = numbers(train, &rows);
    let most = (MOST_PRODUCTS / (n * len)).clamp(1, test.len());
    let asked: Vec<usize> = (0..most).map(|i| i * test.len() / most).collect();
    let of_asked = numbers(test, &asked);
    let width = match train.targets() {
        Targets::Labels { .. } => 1,
        Targets::Values { width, .. } => *width,
    };
    let mut answers = vec![Vec::new(); most];
    pool.each(&mut answers, |i, answer| {
        let row = &of_asked[i * len..][..len];
        let mut distances: Vec<(f32, usize)> = known
            .chunks_exact(len)
            .map(|other| distance(row, other))
            .zip(rows.iter().copied())
            .collect();
        let last = NEIGHBOURS.min(distances.len()) - 1;
        let order = |a: &(f32, usize), b: &(f32, usize)| -> Ordering {
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        };
        distances.select_nth_unstable_by(last, order);
        let near = &mut distances[..=last];
        near.sort_unstable_by(order);
        *answer = match train.targets() {
            Targets::Labels { values, classes } => {
                vec![most_frequent(near.iter().map(|(_, row)| values[*row]), *classes) as f32]
            }
            Targets::Values { values, .. } => {
                mean(near.iter().map(|(_, row)| &values[row * width..][..width]), width)
            }
        };
    });
    let targets = match test.targets() {
        Targets::Labels { values, classes } => {
            let values = asked.iter().map(|&row| values[row]).collect();
            Targets::Labels { values, classes: *classes }
        }
        Targets::Values { values, width } => {
            let rows = asked.iter().flat_map(|row| &values[row * width..][..*width]);
            Targets::Values { values: rows.copied().collect(), width: *width }
        }
    };
    let some = if most < test.len() { format!(", of {most} test rows") } else { String::new() };
    let about = format!("the {NEIGHBOURS} nearest of {n} training rows{some}");
    Baseline { name: "nearest", about, score: score(&targets, transforms, &answers.concat()) }
}

/// The accuracy of classes, or the root of the mean squared error of values, in the unit of the target.
fn score(targets: &Targets, transforms: &FittedTransforms, predicted: &[f32]) -> f64 {
    match targets {
        Targets::Labels { values, .. } => {
            let pairs = values.iter().zip(predicted);
            pairs.filter(|(label, class)| **label as f32 == **class).count() as f64
                / values.len() as f64
        }
        Targets::Values { values, width } => {
            let scales = transforms.target().map_or(&[][..], FittedTarget::scales);
            let scale = |i: usize| scales.get(i % width).copied().unwrap_or(1.0);
            let errors = values.iter().zip(predicted).enumerate();
            let squares =
                errors.map(|(i, (t, y))| ((f64::from(*y) - f64::from(*t)) * scale(i)).powi(2));
            (squares.sum::<f64>() / values.len() as f64).sqrt()
        }
    }
}

/// The class that occurs most often, the first one of equals.
fn most_frequent(classes: impl Iterator<Item = u32>, n: usize) -> u32 {
    let mut counts = vec![0_usize; n];
    classes.for_each(|class| counts[class as usize] += 1);
    let best = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
    best.map_or(0, |(class, _)| class as u32)
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    let mut n = 0.0;
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        n += 1.0;
    }
    sums.iter().map(|sum| (sum / n) as f32).collect()
}

/// The numbers of some rows, as a network gets them.
fn numbers(set: &Dataset, rows: &[usize]) -> Vec<f32> {
    let mut all = vec![0.0; rows.len() * set.sample_len()];
    for (&row, sample) in rows.iter().zip(all.chunks_exact_mut(set.sample_len())) {
        set.read(row, sample);
        sample.iter_mut().for_each(|value| *value /= set.divisor());
    }
    all
}

/// The square of the distance of two points, in sixteen sums.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    const SUMS: usize = 16;
    vectorize(inlined!(|| {
        let mut sums = [0.0_f32; SUMS];
        let (a, rest_a) = a.as_chunks::<SUMS>();
        let (b, rest_b) = b.as_chunks::<SUMS>();
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += (a - b) * (a - b);
            }
        }
        let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| (a - b) * (a - b)).sum();
        sums.iter().sum::<f32>() + rest
    }))
}

#[cfg(test)]
mod tests {
    use data::{Features, TransformPlan};
    use runs::{DataSpec, Split};

    use super::*;

    fn prepared(train: Dataset, test: Dataset, plan: Option<TransformPlan>) -> Parts {
        let data = DataSpec { transforms: plan, ..DataSpec::default() };
        data.prepare(Split { train, test }).unwrap()
    }

    #[test]
    fn classes_that_a_line_divides_are_found_by_all_but_the_majority() {
        let set = |n: usize| {
            let x: Vec<f32> = (0..n).flat_map(|i| [i as f32 / n as f32 - 0.3, 0.5]).collect();
            let values = x.chunks(2).map(|x| u32::from(x[0] > 0.0)).collect();
            let targets = Targets::Labels { values, classes: 2 };
            Dataset::new("line", [2], Features::F32(x), targets).unwrap()
        };
        let found =
            baselines(&prepared(set(200), set(100), None), &Arc::new(Pool::new(2))).unwrap();
        assert_eq!(
            found.iter().map(|each| each.name).collect::<Vec<_>>(),
            ["majority", "linear", "nearest"]
        );
        assert_eq!((&*found[0].about, found[0].score), ("always 1", 0.69));
        assert!(found[1].score > 0.95 && found[2].score > 0.97, "{found:?}");
    }

    #[test]
    fn errors_of_values_are_in_the_unit_of_the_target() {
        let set = |n: usize| {
            let x: Vec<f32> = (0..n).map(|i| i as f32 / n as f32).collect();
            let values = x.iter().map(|x| 5000.0 + 100.0 * x).collect();
            Dataset::new("line", [1], Features::F32(x), Targets::Values { values, width: 1 })
                .unwrap()
        };
        let plan = Some(TransformPlan::default());
        let found =
            baselines(&prepared(set(200), set(100), plan), &Arc::new(Pool::new(1))).unwrap();
        // The deviation of uniform numbers of a range of 100.
        assert!(found[0].name == "mean" && (found[0].score - 100.0 / 12_f64.sqrt()).abs() < 0.5);
        assert!(found[1].score < 1.0 && found[2].score < 1.0, "{found:?}");
    }
}
