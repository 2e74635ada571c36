//! What the losses are held against: their formulas and worked values.

use graph::{Compile, Program, RunArgs, Shape, Tensor, Tensors};

use super::binary_cross_entropy::BinaryCrossEntropy;
use super::cross_entropy::CrossEntropy;
use super::cross_entropy_of_probabilities::CrossEntropyOfProbabilities;
use super::half_squared_error::HalfSquaredError;
use super::hinge::Hinge;
use super::huber::Huber;
use super::mean_absolute_error::MeanAbsoluteError;
use super::mean_squared_error::MeanSquaredError;
use super::*;

/// Loss and gradient of the prediction for one batch, whose targets are numbers or rows of them.
fn loss_of_targets(loss: &Loss, rows: &[&[f64]], targets: Tensor<f64>) -> (f64, Vec<f64>) {
    let (batch, outputs) = (rows.len(), rows[0].len());
    let prediction = Tensor::new([batch, outputs], rows.concat());
    let mut g = Graph::new();
    let x = g.input("prediction", Shape::batch([outputs]));
    let t = g.input("target", Shape::batch(&targets.shape()[1..]));
    let y = loss.build(&mut g, x, t).unwrap();
    let options = Compile { batch, loss: Some(y), keep_all: true, ..Compile::default() };
    let mut program = Program::new(g, &options).unwrap();
    let inputs = &Tensors(&[&prediction, &targets]);
    program.run(&RunArgs { inputs, ..RunArgs::default() });
    (program.scalar(y), program.gradient(x).unwrap().into_values())
}

/// Loss and gradient of the prediction for one batch, with the labels in both forms.
fn loss_of(loss: &Loss, rows: &[&[f64]], labels: &[usize]) -> (f64, Vec<f64>) {
    let (n, classes) = (rows.len(), rows[0].len());
    let mut one_hot = vec![0.0; n * classes];
    labels.iter().enumerate().for_each(|(row, label)| one_hot[row * classes + label] = 1.0);
    let numbers: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
    let [one_hot, label] = [Tensor::new([n, classes], one_hot), Tensor::new([n], numbers)]
        .map(|targets| loss_of_targets(loss, rows, targets));
    assert_eq!(one_hot, label, "both forms of {} agree", loss.name());
    one_hot
}

/// Loss and gradient of one output for each sample.
fn loss_of_one_output(kind: impl Into<Loss>, outputs: &[f64], targets: &[f64]) -> (f64, Vec<f64>) {
    let rows: Vec<&[f64]> = outputs.chunks(1).collect();
    loss_of_targets(&kind.into(), &rows, Tensor::new([targets.len()], targets.to_vec()))
}

fn loss(kind: impl Into<Loss>, rows: &[&[f64]], labels: &[usize]) -> f64 {
    loss_of(&kind.into(), rows, labels).0
}

fn by_name(name: &str) -> Loss {
    toml::from_str(&format!("kind = '{name}'")).unwrap()
}

fn close(found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "{found} is not {wanted}");
}

const RIGHT: &[f64] = &[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0];
const WRONG: &[f64] = &[0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0];
const CAT: &[f64] = &[3.2, 5.1, -1.7];

#[test]
fn g1_half_squared_error_of_the_right_answer() {
    close(loss(HalfSquaredError {}, &[RIGHT], &[2]), 0.0975, 1e-15);
}

#[test]
fn g2_half_squared_error_of_the_wrong_answer() {
    close(loss(HalfSquaredError {}, &[WRONG], &[2]), 0.5975, 1e-15);
}

#[test]
fn g3_cross_entropy_of_the_right_answer() {
    close(loss(CrossEntropyOfProbabilities {}, &[RIGHT], &[2]), 0.510_825_457, 1e-9);
}

#[test]
fn g4_cross_entropy_of_the_wrong_answer() {
    close(loss(CrossEntropyOfProbabilities {}, &[WRONG], &[2]), 2.302_584_093, 1e-9);
}

#[test]
fn g5_batch_cross_entropy_is_the_mean_and_finite_where_a_probability_is_zero() {
    let kind = || CrossEntropyOfProbabilities {};
    let (a, b) = (loss(kind(), &[RIGHT], &[2]), loss(kind(), &[WRONG], &[2]));
    close(loss(kind(), &[RIGHT, WRONG], &[2, 2]), (a + b) / 2.0, 1e-15);
    close(loss(kind(), &[RIGHT], &[3]), 16.118, 1e-3);
}

#[test]
fn g14_hinge_of_cat_car_and_frog() {
    let rows: [&[f64]; 3] = [CAT, &[1.3, 4.9, 2.0], &[2.2, 2.5, -3.1]];
    for (row, label, wanted) in [(rows[0], 0, 2.9), (rows[1], 1, 0.0), (rows[2], 2, 12.9)] {
        close(loss(Hinge {}, &[row], &[label]), wanted, 1e-12);
    }
    close(loss(Hinge {}, &rows, &[0, 1, 2]), 5.2667, 5e-5);
}

#[test]
fn g15_hinge_is_zero_exactly_at_the_margin() {
    assert_eq!(loss(Hinge {}, &[&[3.0, 2.0, 1.0]], &[0]), 0.0);
}

#[test]
fn g17_cross_entropy_of_the_cat() {
    close(loss(CrossEntropy::default(), &[CAT], &[0]), 2.0404, 5e-5);
}

#[test]
fn g18_gradient_of_softmax_and_cross_entropy_is_probability_minus_target() {
    let (_, gradient) = loss_of(&Loss::default(), &[CAT], &[0]);
    for (found, wanted) in gradient.iter().zip([-0.870_017, 0.869_050, 0.000_968]) {
        close(*found, wanted, 5e-7);
    }
}

#[test]
fn g29_cross_entropy_of_equal_scores_is_the_logarithm_of_the_classes() {
    let scores: [&[f64]; 7] = [&[0.0; 10]; 7];
    let mean = loss(CrossEntropy::default(), &scores, &[0, 1, 2, 3, 4, 5, 6]);
    close(100.0 * mean, 230.2585, 1e-4);
}

#[test]
fn cross_entropy_from_scores_stays_finite_for_any_scores() {
    close(loss(CrossEntropy::default(), &[&[1e4, -1e4]], &[1]), 2e4, 1e-9);
    close(loss(BinaryCrossEntropy {}, &[&[1e4, -1e4]], &[1]), 1e4, 1e-9);
}

#[test]
fn label_smoothing_is_cross_entropy_with_a_target_of_all_classes() {
    let (rows, labels) = ([CAT, &[1.3, 4.9, 2.0]], [0, 2]);
    for label_smoothing in [0.0, 0.1, 0.9] {
        let (mut wanted, mut wanted_gradient) = (0.0, Vec::new());
        for (row, label) in rows.iter().zip(labels) {
            let row: Vec<f32> = row.iter().map(|&score| score as f32).collect();
            let probabilities = Prediction::Logits.probabilities(&row).unwrap();
            for (class, p) in probabilities.into_iter().enumerate() {
                let of_label = if class == label { 1.0 - label_smoothing } else { 0.0 };
                let q = of_label + label_smoothing / 3.0;
                wanted -= q * p.ln() / 2.0;
                wanted_gradient.push((p - q) / 2.0);
            }
        }
        let (found, gradient) = loss_of(&CrossEntropy { label_smoothing }.into(), &rows, &labels);
        // The probabilities are those of scores in `f32`.
        close(found, wanted, 1e-6);
        gradient.iter().zip(wanted_gradient).for_each(|(&f, wanted)| close(f, wanted, 1e-6));
    }
    let certain = CrossEntropy { label_smoothing: 0.1 };
    close(loss(certain, &[&[1e4, -1e4]], &[0]), 0.05 * 2e4, 1e-9);
}

#[test]
fn a_weight_of_a_class_multiplies_the_loss_of_its_samples() {
    /// Loss and gradient with a weight for each class; none if the loss takes none.
    fn weighted(
        loss: &Loss,
        rows: &[&[f64]],
        labels: &[usize],
        weights: &[f64],
    ) -> Option<(f64, Vec<f64>)> {
        let (batch, outputs) = (rows.len(), rows[0].len());
        let prediction = Tensor::new([batch, outputs], rows.concat());
        let numbers: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
        let targets = Tensor::new([batch], numbers);
        let mut g = Graph::new();
        let x = g.input("prediction", Shape::batch([outputs]));
        let t = g.input("target", Shape::batch([]));
        let y = loss.build_weighted(&mut g, x, t, weights).unwrap()?;
        let options = Compile { batch, loss: Some(y), keep_all: true, ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let inputs = &Tensors(&[&prediction, &targets]);
        program.run(&RunArgs { inputs, ..RunArgs::default() });
        Some((program.scalar(y), program.gradient(x).unwrap().into_values()))
    }
    let three: ([&[f64]; 4], _) =
        ([CAT, &[1.3, 4.9, 2.0], &[0.1, 0.2, 0.3], &[2.0, -1.0, 0.5]], [0, 2, 1, 0]);
    let one: ([&[f64]; 4], _) = ([&[0.3], &[-0.7], &[2.0], &[-0.1]], [1, 0, 0, 1]);
    let smoothed = CrossEntropy { label_smoothing: 0.1 }.into();
    let cases: [(Loss, _, &[f64]); 4] = [
        (CrossEntropy::default().into(), three, &[0.5, 2.0, 3.0]),
        (smoothed, three, &[0.5, 2.0, 0.0]),
        (BinaryCrossEntropy {}.into(), three, &[0.5, 2.0, 3.0]),
        (BinaryCrossEntropy {}.into(), one, &[0.25, 4.0]),
    ];
    for (loss, (rows, labels), weights) in cases {
        let (found, gradient) = weighted(&loss, &rows, &labels, weights).unwrap();
        // The plain loss of one sample after the other.
        let (mut wanted, mut wanted_gradient) = (0.0, Vec::new());
        for (row, label) in rows.into_iter().zip(labels) {
            let label_of_row = Tensor::new([1], vec![label as f64]);
            let (of_row, gradient) = loss_of_targets(&loss, &[row], label_of_row);
            wanted += weights[label] * of_row / 4.0;
            wanted_gradient.extend(gradient.into_iter().map(|d| weights[label] * d / 4.0));
        }
        close(found, wanted, 1e-14);
        gradient.iter().zip(&wanted_gradient).for_each(|(&d, &wanted)| close(d, wanted, 1e-14));
        // The gradient is that of the loss: central differences.
        for at in 0..gradient.len() {
            let moved = |by: f64| {
                let mut values = rows.concat();
                values[at] += by;
                let rows: Vec<&[f64]> = values.chunks(rows[0].len()).collect();
                weighted(&loss, &rows, &labels, weights).unwrap().0
            };
            close((moved(1e-5) - moved(-1e-5)) / 2e-5, gradient[at], 1e-9);
        }
        let ones = vec![1.0; weights.len()];
        let plain = loss_of_targets(
            &loss,
            &rows,
            Tensor::new([4], labels.map(|label| label as f64).to_vec()),
        );
        close(weighted(&loss, &rows, &labels, &ones).unwrap().0, plain.0, 1e-14);
    }
    for name in Loss::NAMES {
        let takes = weighted(&by_name(name), &three.0, &three.1, &[1.0, 2.0, 3.0]).is_some();
        assert_eq!(takes, ["cross_entropy", "binary_cross_entropy"].contains(name), "{name}");
    }
}

#[test]
fn huber_is_squared_up_to_delta_and_straight_beyond() {
    let errors = [-1e12, -3.0, -1.0, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.0 + 1e-9, 3.0, 1e12];
    for delta in [1e-9, 1.0, 1e9] {
        for error in errors {
            let (found, gradient) =
                loss_of_one_output(Huber { delta }, &[error + 2.0, 2.0], &[2.0; 2]);
            // As the graph sees it, rounded by the target.
            let error = (error + 2.0) - 2.0;
            let e = error.abs();
            let wanted = if e <= delta { 0.5 * e * e } else { delta * (e - 0.5 * delta) } / 2.0;
            close(found, wanted, 1e-15 * wanted);
            let slope = error.clamp(-delta, delta) / 2.0;
            close(gradient[0], slope, 1e-15 * slope.abs());
            assert_eq!(gradient[1], 0.0);
        }
    }
}

#[test]
fn mean_absolute_error_is_flat_at_the_target_alone() {
    let (found, gradient) =
        loss_of_one_output(MeanAbsoluteError {}, &[1.0, -2.0, 3.0, 7.0], &[4.0, -4.0, 3.0, 5.0]);
    assert_eq!((found, gradient), (1.75, vec![-0.25, 0.25, 0.0, 0.25]));
    close(loss(MeanAbsoluteError {}, &[RIGHT, WRONG], &[2, 2]), (0.8 + 1.8) / 20.0, 1e-15);
}

#[test]
fn one_output_tells_two_classes_apart_by_its_sign() {
    let (outputs, labels) = ([-1.0, -1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]);
    close(loss_of_one_output(BinaryCrossEntropy {}, &outputs, &labels).0, 0.313_262, 5e-7);
    let hinge = |outputs: &[f64]| loss_of_one_output(Hinge {}, outputs, &labels);
    assert_eq!(hinge(&outputs), (0.0, vec![0.0; 4]), "exactly at the margin");
    let (found, gradient) = hinge(&[0.0, 2.0, -0.5, 3.0]);
    assert_eq!((found, gradient), (5.5 / 4.0, vec![0.25, 0.25, -0.25, 0.0]));
    for loss in Loss::NAMES.iter().map(|name| by_name(name)) {
        let is_binary = ["binary_cross_entropy", "hinge"].contains(&loss.name());
        assert_eq!(loss.classes(1), if is_binary { 2 } else { 1 }, "{}", loss.name());
        assert_eq!(loss.classes(2), 2);
    }
}

#[test]
fn mean_squared_error_is_the_plain_mean() {
    close(loss(MeanSquaredError {}, &[RIGHT, WRONG], &[2, 2]), (0.195 + 1.195) / 20.0, 1e-15);
}

#[test]
fn binary_cross_entropy_is_that_of_the_sigmoid() {
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let wanted = -(sigmoid(0.3).ln() + (1.0 - sigmoid(-0.7)).ln()) / 2.0;
    close(loss(BinaryCrossEntropy {}, &[&[0.3, -0.7]], &[0]), wanted, 1e-15);
}

#[test]
fn cross_entropies_are_in_nats_and_no_others() {
    for name in Loss::NAMES {
        assert_eq!(by_name(name).is_in_nats(), name.contains("cross_entropy"), "{name}");
    }
}

#[test]
fn probabilities_are_those_that_the_loss_is_taken_of() {
    let predicted = [0.25_f32, 0.75, 2.0];
    for name in Loss::NAMES {
        let loss = by_name(name);
        let Some(found) = loss.prediction().probabilities(&predicted) else { continue };
        let wanted = match *name {
            "cross_entropy" => -found[1].ln(),
            "cross_entropy_of_probabilities" => -(found[1] + 1e-7).ln(),
            "binary_cross_entropy" => {
                -((1.0 - found[0]).ln() + found[1].ln() + (1.0 - found[2]).ln()) / 3.0
            }
            other => panic!("{other} has no probabilities"),
        };
        let (taken, _) = loss_of(&loss, &[&predicted.map(f64::from)], &[1]);
        close(taken, wanted, 1e-12);
    }
    let far = Prediction::Logits.probabilities(&[1e30, -1e30, f32::MAX]);
    assert_eq!(far, Some(vec![0.0, 0.0, 1.0]), "nothing overflows");
    assert_eq!(Prediction::SeparateLogits.probabilities(&[-1e30, 1e30]), Some(vec![0.0, 1.0]));
    let of_one = |logit| Prediction::SeparateLogits.probabilities(&[logit]).unwrap();
    assert_eq!([-1e30, 0.0, 1e30].map(of_one), [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]);
    close(of_one(3.0)[1] / of_one(3.0)[0], 3f64.exp(), 1e-12);
    let sum = Prediction::Logits.probabilities(&[3.2, 5.1, -1.7]).unwrap().iter().sum();
    close(sum, 1.0, 1e-15);
}

#[test]
fn targets_that_do_not_fit_are_refused_with_both_shapes() {
    for loss in Loss::NAMES.iter().map(|name| by_name(name)) {
        let mut g = Graph::<f32>::new();
        let (x, t) = (g.input("x", Shape::batch([10])), g.input("t", Shape::batch([9])));
        let error = loss.build(&mut g, x, t).unwrap_err().to_string();
        assert!(error.contains("[N, 10]") && error.contains("[N, 9]"), "{error}");
    }
}
