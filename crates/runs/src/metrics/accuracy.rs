//! Accuracy: the fraction of samples whose predicted class is the label.
//!
//! The predicted class is the argmax of the outputs, the first of equals. One output is the score of class 1, which is
//! predicted above 0, and its negative is that of class 0: see [`nn::Loss::classes`].
//!
//! It applies to labels, whatever the loss.

use data::Targets;

use super::{Metric, MetricFormula, has_labels};

/// See the [module](self).
pub const ACCURACY: Metric = Metric {
    name: "accuracy",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Mean(correct),
};

fn correct(predictions: &[f32], targets: &Targets, indices: &[u32]) -> f64 {
    let Targets::Labels { values, .. } = targets else { return f64::NAN };
    let labels = indices.iter().map(|&index| values[index as usize]);
    let rows = predictions.chunks_exact(predictions.len() / indices.len()).zip(labels);
    rows.filter(|(row, label)| predicted_class(row) == *label as usize).count() as f64
}

/// The class that a row of outputs predicts.
pub fn predicted_class(row: &[f32]) -> usize {
    match row {
        [score] => usize::from(*score > 0.0),
        _ => argmax(row),
    }
}

/// The score of each class, from a row of outputs.
pub fn class_scores(row: &[f32]) -> Vec<f32> {
    match *row {
        [score] => vec![-score, score],
        _ => row.to_vec(),
    }
}

/// The position of the largest element, the first of equals. NaN is never the largest.
pub fn argmax(row: &[f32]) -> usize {
    let best = row.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, &value)| {
        if value > best.1 { (i, value) } else { best }
    });
    best.0
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    #[test]
    fn the_first_of_equal_outputs_is_predicted_and_one_output_is_the_score_of_class_1_above_0() {
        let labels = |values: &[u32], classes| Targets::Labels { values: values.to_vec(), classes };
        let predictions = [0.0, 2.0, 1.0, 3.0, 3.0, 0.0, f32::NAN, 0.0, -1.0];
        assert_eq!(correct(&predictions, &labels(&[1, 1, 1], 3), &[0, 1, 2]), 2.0);
        let two = labels(&[1, 1, 0, 0, 0], 2);
        assert_eq!(correct(&[-1.0, -1.0, 1.0, 1.0, 0.0], &two, &[2, 3, 0, 1, 4]), 5.0);
    }

    #[test]
    fn scores_and_probabilities_of_one_output_have_its_predicted_class_for_argmax() {
        for output in [f32::NEG_INFINITY, -1.0, -0.0, 0.0, 1e-6, 3.0, f32::NAN] {
            let predicted = predicted_class(&[output]);
            assert_eq!(argmax(&class_scores(&[output])), predicted, "{output}");
            let probabilities = Prediction::SeparateLogits.probabilities(&[output]).unwrap();
            assert_eq!(probabilities.len(), 2);
            assert_eq!(usize::from(probabilities[1] > probabilities[0]), predicted, "{output}");
        }
        assert_eq!(class_scores(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
    }
}
