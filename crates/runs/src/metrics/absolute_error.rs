//! Quantiles of `|prediction − target|` over all values, in the unit of the targets: the median, 90 %, 99 % and the
//! largest. Between two errors in order they are interpolated linearly.

use super::{Metric, MetricFormula, MetricValue, NOT_FINITE, ValuePredictions, has_values};

/// The median: see the [module](self).
pub const ABSOLUTE_ERROR_MEDIAN: Metric = Metric {
    name: "absolute_error_median",
    unit: "target",
    higher_is_better: false,
    applies_to: has_values,
    formula: MetricFormula::Values(|values| quantile(values, 0.5)),
};

/// What nine of ten errors are at most: see the [module](self).
pub const ABSOLUTE_ERROR_P90: Metric = Metric {
    name: "absolute_error_p90",
    formula: MetricFormula::Values(|values| quantile(values, 0.9)),
    ..ABSOLUTE_ERROR_MEDIAN
};

/// What 99 of a hundred errors are at most: see the [module](self).
pub const ABSOLUTE_ERROR_P99: Metric = Metric {
    name: "absolute_error_p99",
    formula: MetricFormula::Values(|values| quantile(values, 0.99)),
    ..ABSOLUTE_ERROR_MEDIAN
};

/// The largest: see the [module](self).
pub const ABSOLUTE_ERROR_MAX: Metric = Metric {
    name: "absolute_error_max",
    formula: MetricFormula::Values(|values| quantile(values, 1.0)),
    ..ABSOLUTE_ERROR_MEDIAN
};

fn quantile(values: &ValuePredictions<'_>, share: f64) -> MetricValue {
    let mut errors: Vec<f64> = values.pairs().map(|[y, target]| (y - target).abs()).collect();
    if errors.iter().any(|error| error.is_nan()) {
        return Err(NOT_FINITE);
    }
    let position = share * (errors.len() - 1) as f64;
    let (_, &mut below, above) = errors.select_nth_unstable_by(position as usize, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    Ok(below + (next - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_two_errors_in_order() {
        let of = |predictions: &[f32], share| {
            let targets = vec![1.0; predictions.len()];
            quantile(&ValuePredictions::new(predictions, &targets, 1), share)
        };
        let predictions = [1.0, -3.0, 3.0, 2.0, 0.0];
        for (share, expected) in [(0.0, 0.0), (0.5, 1.0), (0.75, 2.0), (0.875, 3.0), (1.0, 4.0)] {
            assert_eq!(of(&predictions, share), Ok(expected), "{share}");
        }
        assert_eq!(of(&[3.0], 0.9), Ok(2.0));
        assert_eq!(of(&[3.0, f32::NAN], 0.5), Err(NOT_FINITE));
    }
}
