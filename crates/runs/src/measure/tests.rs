//! Every metric against its definition, written plainly, and against published numbers.

use std::collections::BTreeMap;

use nn::losses::Prediction;

use super::*;
use crate::metrics::METRICS;

/// Numbers that look random, with ties.
fn numbers(seed: u64, n: usize) -> Vec<f32> {
    let hash = |i: u64| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ seed << 7) >> 40;
    (0..n as u64).map(|i| (hash(i) % 25) as f32 / 4.0 - 3.0).collect()
}

fn labels(seed: u64, n: usize, classes: usize) -> Targets {
    let values =
        numbers(seed + 1000, n).into_iter().map(|x| ((x + 3.0) * 4.0) as u32 % classes as u32);
    Targets::Labels { values: values.collect(), classes }
}

fn evaluation(outputs: &[f32], targets: &Targets, meaning: Prediction) -> Evaluation {
    let n = match targets {
        Targets::Labels { values, .. } => values.len(),
        Targets::Values { values, width } => values.len() / width,
    };
    let mut sums = MetricSums::new(targets, &[]);
    sums.add(outputs, targets, &Vec::from_iter(0..n as u32));
    let predictions = Tensor::new([n, outputs.len() / n], outputs);
    let metrics = sums.metrics(0.5, n);
    Evaluation { metrics, predictions, meaning, scales: Vec::new(), threshold: None }
}

fn by_name(measured: Vec<MeasuredMetric>) -> BTreeMap<&'static str, MetricValue> {
    measured.into_iter().map(|each| (each.metric.name, each.value)).collect()
}

fn measured(
    outputs: &[f32],
    targets: &Targets,
    meaning: Prediction,
) -> BTreeMap<&'static str, MetricValue> {
    by_name(evaluation(outputs, targets, meaning).measure(targets))
}

#[track_caller]
fn assert_near(found: &BTreeMap<&str, MetricValue>, expected: &[(&str, f64)], about: &str) {
    for &(name, expected) in expected {
        let value = found[name].unwrap_or_else(|reason| panic!("{about}: {name}: {reason}"));
        let error = (value - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-12, "{about}: {name}: expected {expected}, found {value}");
    }
}

/// The area under the ROC curve of class `k`, pair by pair; NaN if there are no pairs.
fn area(rows: &[Vec<f64>], labels: &[usize], k: usize) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    let of = |is_own: bool| (0..labels.len()).filter(move |&i| (labels[i] == k) == is_own);
    for (own, other) in of(true).flat_map(|i| of(false).map(move |j| (rows[i][k], rows[j][k]))) {
        pairs += 1.0;
        sum += if own > other {
            1.0
        } else if own == other {
            0.5
        } else {
            0.0
        };
    }
    sum / pairs
}

/// The mean over the samples of class `k` of the precision with the threshold at their score; NaN without others.
fn average_precision(rows: &[Vec<f64>], labels: &[usize], k: usize) -> f64 {
    let own = || (0..labels.len()).filter(|&i| labels[i] == k);
    let precision = |threshold: f64| {
        let is_above = |i: &usize| rows[*i][k] >= threshold;
        own().filter(is_above).count() as f64 / (0..labels.len()).filter(is_above).count() as f64
    };
    let sum: f64 = own().map(|i| precision(rows[i][k])).sum();
    if own().count() == labels.len() { f64::NAN } else { sum / own().count() as f64 }
}

/// Every metric of classes as its definition says it, sample by sample and pair by pair.
fn naive_of_classes(
    rows: &[Vec<f64>],
    labels: &[usize],
    predicted: &[usize],
) -> Vec<(&'static str, f64)> {
    let (n, classes) = (labels.len() as f64, rows[0].len());
    let count = |is: &dyn Fn(usize) -> bool| (0..labels.len()).filter(|&i| is(i)).count() as f64;
    let ratio = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
    let correct = |k: usize| count(&|i| labels[i] == k && predicted[i] == k);
    let samples = |k: usize| count(&|i| labels[i] == k);
    let precision = |k: usize| ratio(correct(k), count(&|i| predicted[i] == k));
    let recall = |k: usize| ratio(correct(k), samples(k));
    let f1 = |k: usize| {
        let (precision, recall) = (precision(k), recall(k));
        ratio(2.0 * precision * recall, precision + recall)
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let found = || (0..classes).filter(|&k| labels.contains(&k) || predicted.contains(&k));
    let labelled = || (0..classes).filter(|k| labels.contains(k));
    let each = |measure: &dyn Fn(usize) -> f64| labels.iter().map(|&k| measure(k)).collect();
    let area = |k| area(rows, labels, k);
    let average_precision = |k| average_precision(rows, labels, k);
    let chosen = || labelled().filter(|&k| classes > 2 || k == 1);
    let brier = |i: usize| {
        let error = |k: usize| rows[i][k] - f64::from(u8::from(labels[i] == k));
        let sum: f64 = (0..classes).map(|k| error(k) * error(k)).sum();
        if classes == 2 { sum / 2.0 } else { sum }
    };
    let gap = |bin: usize| {
        let confidence = |i: usize| rows[i][predicted[i]];
        let edges = [bin as f64 / 15.0, (bin + 1) as f64 / 15.0];
        let inside = |i: usize| edges[0] < confidence(i) && confidence(i) <= edges[1];
        let sum: f64 = (0..labels.len()).filter(|&i| inside(i)).map(confidence).sum();
        (count(&|i| inside(i) && labels[i] == predicted[i]) - sum).abs() / n
    };
    vec![
        ("accuracy", count(&|i| labels[i] == predicted[i]) / n),
        ("balanced_accuracy", mean(labelled().map(recall).collect())),
        ("precision_macro", mean(found().map(precision).collect())),
        ("precision_weighted", mean(each(&precision))),
        ("recall_macro", mean(found().map(recall).collect())),
        ("recall_weighted", mean(each(&recall))),
        ("f1_macro", mean(found().map(f1).collect())),
        ("f1_weighted", mean(each(&f1))),
        ("roc_auc", mean(chosen().map(area).collect())),
        ("average_precision", mean(chosen().map(average_precision).collect())),
        ("log_loss", mean((0..labels.len()).map(|i| -rows[i][labels[i]].ln()).collect())),
        ("brier_score", mean((0..labels.len()).map(brier).collect())),
        ("expected_calibration_error", (0..15).map(gap).sum()),
    ]
}

#[test]
fn metrics_of_classes_are_those_of_their_definitions() {
    for (seed, samples, classes) in [(1, 40, 2), (2, 3, 2), (3, 50, 3), (4, 200, 7), (5, 30, 12)] {
        let targets = labels(seed, samples, classes);
        let outputs = numbers(seed, samples * classes);
        let evaluated = evaluation(&outputs, &targets, Prediction::Logits);
        let found = by_name(evaluated.measure(&targets));
        let Targets::Labels { values, .. } = &targets else { unreachable!("labels") };
        let label_of: Vec<usize> = values.iter().map(|&label| label as usize).collect();
        let predictions = evaluated.class_predictions(&targets).unwrap();
        // The same rounding, since equal probabilities are ties.
        let probabilities = predictions.probabilities().unwrap();
        let row = |i| (0..classes).map(|k| probabilities.of(i, k)).collect();
        let rows: Vec<Vec<f64>> = (0..samples).map(row).collect();
        let predicted: Vec<usize> = evaluated.classes().collect();
        let expected = naive_of_classes(&rows, &label_of, &predicted);
        let about = format!("{samples} samples, {classes} classes");
        assert_near(&found, &expected, &about);
        // The fifth best is at least as good as four others.
        let is_among = |i: usize| {
            let row = &outputs[i * classes..][..classes];
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
            order[..5].contains(&label_of[i])
        };
        let top_5 = || (0..samples).filter(|&i| is_among(i)).count() as f64 / samples as f64;
        let expected = (classes > 5).then(|| Ok(top_5()));
        assert_eq!(found.get("top_5_accuracy").copied(), expected, "{about}");

        for (class, scores) in ClassScores::of_all(&predictions).into_iter().enumerate() {
            let about = format!("{about}, class {class}");
            let confusion = predictions.confusion();
            let column = confusion.iter().map(|row| row[class]).sum();
            let counts = [scores.samples, scores.predicted, scores.correct];
            let expected = [confusion[class].iter().sum(), column, confusion[class][class]];
            assert_eq!(counts, expected, "{about}");
            for (found, expected) in [
                (scores.roc_auc, area(&rows, &label_of, class)),
                (scores.average_precision, average_precision(&rows, &label_of, class)),
            ] {
                assert_eq!(found.is_none(), expected.is_nan(), "{about}");
                assert!(found.is_none_or(|found| (found - expected).abs() < 1e-12), "{about}");
            }
        }
    }
}

/// The numbers of the documentation of scikit-learn 1.7: `balanced_accuracy_score`; `precision_score`, `recall_score`
/// and `f1_score`, which share labels and predictions.
#[test]
fn metrics_of_classes_are_those_of_the_examples_of_scikit_learn() {
    let of = |labels: &[u32], predicted: &[usize], classes: usize| {
        let one_hot =
            |&class: &usize| (0..classes).map(move |k| if k == class { 1.0 } else { 0.0 });
        let outputs: Vec<f32> = predicted.iter().flat_map(one_hot).collect();
        let targets = Targets::Labels { values: labels.to_vec(), classes };
        measured(&outputs, &targets, Prediction::Scores)
    };
    let found = of(&[0, 1, 0, 0, 1, 0], &[0, 1, 0, 0, 0, 1], 2);
    assert_near(&found, &[("balanced_accuracy", 0.625)], "balanced");
    let found = of(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 0, 0, 1], 3);
    let third = 1.0 / 3.0;
    let expected = [
        ("precision_macro", 2.0 / 9.0),
        ("precision_weighted", 2.0 / 9.0),
        ("recall_macro", third),
        ("recall_weighted", third),
        ("f1_macro", 0.8 / 3.0),
        ("f1_weighted", 0.8 / 3.0),
        ("accuracy", third),
    ];
    assert_near(&found, &expected, "means");
}

#[test]
fn metrics_of_values_are_those_of_their_definitions() {
    for (seed, samples, width) in [(1, 1, 1), (2, 2, 1), (3, 40, 2), (4, 75, 5)] {
        let (predictions, values) =
            (numbers(seed, samples * width), numbers(seed + 50, samples * width));
        let targets = Targets::Values { values: values.clone(), width };
        let evaluated = evaluation(&predictions, &targets, Prediction::Scores);
        let found = by_name(evaluated.measure(&targets));
        let naive = |columns: &[usize]| {
            let is_in = |i: &usize| columns.contains(&(i % width));
            let pairs = (0..values.len()).filter(is_in).map(|i| [predictions[i], values[i]]);
            let pairs: Vec<[f64; 2]> = pairs.map(|pair| pair.map(f64::from)).collect();
            let mut errors: Vec<f64> = pairs.iter().map(|[y, t]| (y - t).abs()).collect();
            errors.sort_by(f64::total_cmp);
            let n = errors.len() as f64;
            let at = |share: f64| {
                let position = share * (n - 1.0);
                let (below, above) = (position.floor(), position.ceil());
                let weight = position - below;
                errors[below as usize] * (1.0 - weight) + errors[above as usize] * weight
            };
            let mean_squared = errors.iter().map(|error| error * error).sum::<f64>() / n;
            vec![
                ("mean_absolute_error", errors.iter().sum::<f64>() / n),
                ("mean_squared_error", mean_squared),
                ("root_mean_squared_error", mean_squared.sqrt()),
                ("absolute_error_median", at(0.5)),
                ("absolute_error_p90", at(0.9)),
                ("absolute_error_p99", at(0.99)),
                ("absolute_error_max", errors[errors.len() - 1]),
            ]
        };
        let r_squared = |output: usize| {
            let column = |all: &[f32]| -> Vec<f64> {
                all.iter().skip(output).step_by(width).map(|&x| x.into()).collect()
            };
            let (y, t) = (column(&predictions), column(&values));
            let mean = t.iter().sum::<f64>() / samples as f64;
            let total: f64 = t.iter().map(|t| (t - mean).powi(2)).sum();
            1.0 - y.iter().zip(&t).map(|(y, t)| (y - t).powi(2)).sum::<f64>() / total
        };
        let about = format!("{samples} samples of {width}");
        let all: Vec<usize> = (0..width).collect();
        assert_near(&found, &naive(&all), &about);
        if samples == 1 {
            assert_eq!(found["r_squared"], Err("all targets are equal"));
            continue;
        }
        let mean = all.iter().map(|&output| r_squared(output)).sum::<f64>() / width as f64;
        assert_near(&found, &[("r_squared", mean)], &about);
        let outputs = evaluated.measure_outputs(&targets);
        assert_eq!(outputs.len(), if width == 1 { 0 } else { width });
        for (output, found) in outputs.into_iter().map(by_name).enumerate() {
            let about = format!("{about}, output {output}");
            assert_near(&found, &naive(&[output]), &about);
            assert_near(&found, &[("r_squared", r_squared(output))], &about);
        }
    }
}

#[test]
fn values_that_were_standardised_are_measured_in_their_unit() {
    let (predictions, values) = (numbers(1, 40), numbers(2, 40));
    let scaled = |all: &[f32]| -> Vec<f32> {
        all.iter().enumerate().map(|(i, value)| value * [4.0, 0.5][i % 2]).collect()
    };
    let targets = |values: Vec<f32>| Targets::Values { values, width: 2 };
    let unit = targets(scaled(&values));
    let expected = evaluation(&scaled(&predictions), &unit, Prediction::Scores);
    let standard = targets(values);
    let mut found = evaluation(&predictions, &standard, Prediction::Scores);
    found.scales = vec![4.0, 0.5];
    // The evaluator computes means over samples by the scales too.
    found.metrics = expected.metrics.clone();
    assert_eq!(by_name(found.measure(&standard)), by_name(expected.measure(&unit)));
    let outputs = [found.measure_outputs(&standard), expected.measure_outputs(&unit)];
    let [found, expected] = outputs.map(|each| each.into_iter().map(by_name).collect::<Vec<_>>());
    assert_eq!((found.len(), &found), (2, &expected));
}

#[test]
fn one_sample_or_one_class_leaves_the_orders_undefined_and_nothing_else() {
    for (values, outputs, classes) in
        [(vec![1], vec![0.0, 1.0], 2), (vec![2; 4], [0.0, 1.0, 2.0].repeat(4), 3)]
    {
        let targets = Targets::Labels { values, classes };
        let found = measured(&outputs, &targets, Prediction::Logits);
        for (name, value) in &found {
            let is_order = ["roc_auc", "average_precision"].contains(name);
            let expected = is_order.then_some("all samples have the same label");
            assert_eq!(value.err(), expected, "{name}");
        }
        let expected = [("accuracy", 1.0), ("f1_macro", 1.0), ("balanced_accuracy", 1.0)];
        assert_near(&found, &expected, "one class");
    }
    // A class without samples is left out: the others are told apart without a mistake.
    let targets = Targets::Labels { values: vec![0, 2, 0, 2], classes: 3 };
    let outputs = [5.0, 0.0, 1.0, 1.0, 0.0, 5.0].repeat(2);
    let found = measured(&outputs, &targets, Prediction::Logits);
    let expected = [("roc_auc", 1.0), ("average_precision", 1.0), ("precision_macro", 1.0)];
    assert_near(&found, &expected, "a class without samples");
}

#[test]
fn a_prediction_that_is_not_finite_leaves_counts_and_undefines_the_rest() {
    let targets = Targets::Labels { values: vec![0, 1, 0, 1, 0, 5], classes: 6 };
    for (bad, meaning) in [f32::NAN, f32::INFINITY].into_iter().flat_map(|bad| {
        [
            Prediction::Logits,
            Prediction::SeparateLogits,
            Prediction::Probabilities,
            Prediction::Scores,
        ]
        .map(|meaning| (bad, meaning))
    }) {
        let mut outputs = numbers(7, 36);
        outputs[3] = bad;
        let found = measured(&outputs, &targets, meaning);
        for (name, value) in &found {
            let uses_numbers = ["roc_auc", "average_precision"].contains(name);
            let of_probabilities =
                ["log_loss", "brier_score", "expected_calibration_error"].contains(name);
            let expected = match meaning {
                Prediction::Scores if of_probabilities => Some("the loss defines no probabilities"),
                _ => (uses_numbers || of_probabilities).then_some(NOT_FINITE),
            };
            assert_eq!(value.err(), expected, "{bad} {meaning:?} {name}");
        }
        let evaluated = evaluation(&outputs, &targets, meaning);
        let predictions = evaluated.class_predictions(&targets).unwrap();
        let scores = ClassScores::of_all(&predictions);
        assert!(scores.iter().all(|scores| scores.roc_auc.is_none() && scores.f1.is_finite()));
    }
    let targets = Targets::Values { values: vec![1.0, 2.0, 4.0, 5.0], width: 2 };
    for bad in [f32::NAN, f32::INFINITY] {
        let outputs = [1.0, bad, 3.0, 5.0];
        let evaluated = evaluation(&outputs, &targets, Prediction::Scores);
        for (name, value) in by_name(evaluated.measure(&targets)) {
            // A quantile below an infinite error is a number.
            let is_below = bad.is_infinite() && name == "absolute_error_median";
            assert_eq!(value.err(), (!is_below).then_some(NOT_FINITE), "{bad} {name}");
        }
        let outputs = evaluated.measure_outputs(&targets);
        let [first, second] = &outputs[..] else { panic!("two outputs") };
        assert!(first.iter().all(|each| each.value.is_ok()), "{first:?}");
        assert!(second.iter().any(|each| each.value.is_err()), "{second:?}");
    }
}

#[test]
fn a_temperature_changes_probabilities_and_no_class() {
    let targets = labels(3, 60, 4);
    let outputs = numbers(3, 240);
    let evaluated = evaluation(&outputs, &targets, Prediction::Logits);
    let before = evaluated.class_predictions(&targets).unwrap();
    let after = before.with_temperature(2.0);
    assert_eq!(before.counts(), after.counts());
    let halved: Vec<f32> = outputs.iter().map(|logit| logit / 2.0).collect();
    let evaluated = evaluation(&halved, &targets, Prediction::Logits);
    let expected = evaluated.class_predictions(&targets).unwrap();
    for metric in METRICS {
        let MetricFormula::Classes(formula) = metric.formula else { continue };
        assert_eq!(formula(&after), formula(&expected), "{}", metric.name);
    }
}

#[test]
fn every_metric_is_defined_in_the_documentation() {
    let page = include_str!("../../../../docs/metrics.md");
    for metric in METRICS {
        let row = format!("| `{}` |", metric.name);
        assert!(page.contains(&row), "docs/metrics.md has no row of {}", metric.name);
    }
}
