//! Top-5 accuracy: the fraction of samples whose label is among the five classes with the largest outputs, the first of
//! equals. It applies to more than five classes.

use data::Targets;

use super::{Metric, MetricFormula, MetricValue};
use crate::metrics::ClassPredictions;

/// See the [module](self).
pub const TOP_5_ACCURACY: Metric = Metric {
    name: "top_5_accuracy",
    unit: "fraction",
    higher_is_better: true,
    applies_to: |targets| matches!(targets, Targets::Labels { classes: 6.., .. }),
    formula: MetricFormula::Classes(|predictions| top_accuracy(predictions, 5)),
};

fn top_accuracy(predictions: &ClassPredictions<'_>, k: usize) -> MetricValue {
    let is_among = |row: &[f32], label: usize| {
        let own = row[label];
        let is_before =
            |(class, &score): (usize, &f32)| score > own || score == own && class < label;
        !own.is_nan() && row.iter().enumerate().filter(|each| is_before(*each)).count() < k
    };
    let samples = predictions.rows().zip(predictions.labels());
    let n = samples.filter(|(row, label)| is_among(row, **label as usize)).count();
    Ok(n as f64 / predictions.labels().len() as f64)
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    fn of(rows: &[[f32; 3]], labels: &[u32], k: usize) -> f64 {
        let outputs = rows.as_flattened();
        let predictions = ClassPredictions::new(outputs, labels, 3, Prediction::Scores);
        top_accuracy(&predictions, k).unwrap()
    }

    #[test]
    fn the_label_may_be_the_second() {
        // The example of scikit-learn's `top_k_accuracy_score`.
        let rows = [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]];
        assert_eq!([1, 2, 3].map(|k| of(&rows, &[0, 1, 2, 2], k)), [0.5, 0.75, 1.0]);
    }

    #[test]
    fn of_equals_the_first_come_first_and_nan_never_counts() {
        let rows = [[1.0; 3], [1.0; 3], [f32::NAN, 1.0, 0.0], [2.0, f32::NAN, 1.0]];
        assert_eq!(of(&rows, &[1, 2, 0, 2], 2), 0.5);
        assert_eq!(of(&rows, &[1, 2, 1, 0], 1), 0.5);
    }
}
