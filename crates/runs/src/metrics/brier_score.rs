//! Brier score: of two classes the mean of `(p − y)²`, with `p` the probability of class 1 and `y` the label; of more the
//! mean of `Σ (pₖ − yₖ)²` over the classes, with `yₖ` 1 for the label and else 0, which reaches 2.
//!
//! Source: Brier (1950), "Verification of forecasts expressed in terms of probability", which counts two classes twice.

use super::{ClassPredictions, Metric, MetricFormula, MetricValue, has_labels};

/// See the [module](self).
pub const BRIER_SCORE: Metric = Metric {
    name: "brier_score",
    unit: "none",
    higher_is_better: false,
    applies_to: has_labels,
    formula: MetricFormula::Classes(brier_score),
};

fn brier_score(predictions: &ClassPredictions<'_>) -> MetricValue {
    let (probabilities, labels) = (predictions.probabilities()?, predictions.labels());
    let classes = if predictions.classes() == 2 { 1..2 } else { 0..predictions.classes() };
    let squares = labels.iter().enumerate().map(|(i, &label)| {
        let error = |class| probabilities.of(i, class) - f64::from(class == label as usize);
        classes.clone().map(|class| error(class).powi(2)).sum::<f64>()
    });
    Ok(squares.sum::<f64>() / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    #[test]
    fn two_classes_are_counted_once_and_three_each() {
        // The examples of scikit-learn's `brier_score_loss`: 0.0375 and 0.146….
        let two = [[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3]];
        let three = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]];
        for (outputs, labels, classes, expected) in [
            (two.as_flattened(), &[0, 1, 1, 0][..], 2, 0.0375),
            (three.as_flattened(), &[0, 1, 2], 3, 0.44 / 3.0),
            (&[0.0, 1.0], &[0], 2, 1.0),
            (&[0.0, 1.0, 0.0], &[0], 3, 2.0),
        ] {
            let predictions =
                ClassPredictions::new(outputs, labels, classes, Prediction::Probabilities);
            let found = brier_score(&predictions).unwrap();
            // The probabilities are `f32`.
            assert!((found - expected).abs() < 1e-7, "expected {expected}, found {found}");
        }
    }
}
