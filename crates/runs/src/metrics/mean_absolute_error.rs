//! Mean absolute error: the mean of `|prediction − target|` over all values, in the unit of the targets.
//!
//! It applies to values, whatever the loss.

use data::Targets;

use super::{Metric, MetricFormula, has_values};

/// See the [module](self).
pub const MEAN_ABSOLUTE_ERROR: Metric = Metric {
    name: "mean_absolute_error",
    unit: "target",
    higher_is_better: false,
    applies_to: has_values,
    formula: MetricFormula::Mean(errors),
};

fn errors(predictions: &[f32], targets: &Targets, indices: &[u32]) -> f64 {
    let Targets::Values { values, width } = targets else { return f64::NAN };
    let rows = predictions.chunks_exact(*width).zip(indices);
    let sum = rows.fold(0.0, |sum, (row, &index)| {
        let target = &values[index as usize * width..][..*width];
        let errors = row.iter().zip(target).map(|(&y, &t)| (f64::from(y) - f64::from(t)).abs());
        sum + errors.sum::<f64>()
    });
    sum / *width as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_signs_count() {
        let targets = Targets::Values { values: vec![-3.0, 0.0, 1.0, 2.0], width: 2 };
        assert_eq!(errors(&[0.0, 4.0, -3.0, 1.0], &targets, &[1, 0]), 2.0);
    }
}
