//! The probability from which on the second of two classes is predicted.

use crate::metrics::ClassPredictions;

/// By what a threshold is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdRule {
    /// The largest F1 of the second class.
    F1,
    /// The largest mean of the recalls of both classes.
    BalancedAccuracy,
}

/// The threshold that is best for some predictions by a rule, of equal ones the largest; it lies in the middle between two
/// probabilities that occur, or is the largest that occurs.
///
/// # Errors
///
/// As [`ClassPredictions::with_threshold`], and if one of the classes has no sample.
///
/// # Examples
///
/// ```
/// # use nn::losses::Prediction;
/// # use gradus_runs::{measure::{ThresholdRule, choose_threshold}, metrics::ClassPredictions};
/// // Probabilities of class 1 of 0.1, 0.2, 0.3 and 0.4: none of them is predicted at 0.5.
/// let logits = [0.1_f32, 0.2, 0.3, 0.4].map(|p| (p / (1.0 - p)).ln());
/// let predictions = ClassPredictions::new(&logits, &[0, 0, 1, 1], 2, Prediction::SeparateLogits);
/// let threshold = choose_threshold(&predictions, ThresholdRule::F1)?;
/// assert!((threshold - 0.25).abs() < 1e-6);
/// # Ok::<(), &'static str>(())
/// ```
pub fn choose_threshold(
    predictions: &ClassPredictions<'_>,
    rule: ThresholdRule,
) -> Result<f64, &'static str> {
    predictions.with_threshold(0.5)?;
    let probabilities = predictions.probabilities()?;
    let labels = predictions.labels().iter().enumerate();
    let mut samples: Vec<(f64, bool)> =
        labels.map(|(sample, &label)| (probabilities.of(sample, 1), label == 1)).collect();
    samples.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positive = samples.iter().filter(|(_, is_second)| *is_second).count() as f64;
    let negative = samples.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        return Err("all samples have the same label");
    }
    let (mut found, mut wrong) = (0.0, 0.0);
    let mut best = (f64::NEG_INFINITY, 0.5);
    for (i, &(probability, is_second)) in samples.iter().enumerate() {
        if is_second {
            found += 1.0
        } else {
            wrong += 1.0
        }
        let next = samples.get(i + 1).map(|(next, _)| *next);
        // Samples of one probability are on one side.
        if next == Some(probability) {
            continue;
        }
        let value = match rule {
            ThresholdRule::F1 => 2.0 * found / (found + wrong + positive),
            ThresholdRule::BalancedAccuracy => 0.5 * (found / positive + 1.0 - wrong / negative),
        };
        if value > best.0 {
            best = (value, next.map_or(probability, |next| 0.5 * (probability + next)));
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;
    use crate::metrics::{MetricFormula, balanced_accuracy::BALANCED_ACCURACY};

    #[test]
    fn no_other_threshold_is_better() {
        let logits: Vec<f32> = (0..60).map(|i| ((i * 37 % 60) as f32 - 40.0) / 12.0).collect();
        let labels: Vec<u32> = (0..60).map(|i| u32::from(i * 37 % 60 + i % 7 * 5 > 55)).collect();
        let predictions = ClassPredictions::new(&logits, &labels, 2, Prediction::SeparateLogits);
        let value = |threshold: f64, rule| {
            let found = predictions.with_threshold(threshold).unwrap();
            let MetricFormula::Classes(balanced) = BALANCED_ACCURACY.formula else {
                panic!("of classes")
            };
            let second = found.counts()[1];
            match rule {
                ThresholdRule::F1 => {
                    2.0 * second.correct as f64 / (second.samples + second.predicted) as f64
                }
                ThresholdRule::BalancedAccuracy => balanced(&found).unwrap(),
            }
        };
        for rule in [ThresholdRule::F1, ThresholdRule::BalancedAccuracy] {
            let best = value(choose_threshold(&predictions, rule).unwrap(), rule);
            let others = (0..1000).map(|i| value(f64::from(i) / 1000.0, rule));
            assert!(others.into_iter().all(|other| other <= best + 1e-12), "{rule:?}: {best}");
            assert!(best > value(0.5, rule), "{rule:?}");
        }
    }

    #[test]
    fn a_threshold_needs_two_classes_with_samples() {
        let one = ClassPredictions::new(&[0.5, 1.0], &[1, 1], 2, Prediction::SeparateLogits);
        let error = choose_threshold(&one, ThresholdRule::F1);
        assert_eq!(error, Err("all samples have the same label"));
        let three = ClassPredictions::new(&[0.0; 3], &[1], 3, Prediction::Logits);
        assert_eq!(choose_threshold(&three, ThresholdRule::F1), Err("expected two classes"));
    }
}
