//! Mean squared error: the mean of `(prediction − target)²` over all values.

use super::{Metric, MetricFormula, ValuePredictions, has_values};

/// See the [module](self).
pub const MEAN_SQUARED_ERROR: Metric = Metric {
    name: "mean_squared_error",
    unit: "squared target",
    higher_is_better: false,
    applies_to: has_values,
    formula: MetricFormula::Values(|values| Ok(mean_squared_error(values))),
};

/// The mean over all values.
pub(super) fn mean_squared_error(values: &ValuePredictions<'_>) -> f64 {
    let squares = values.pairs().map(|[prediction, target]| (prediction - target).powi(2));
    let (sum, n) = squares.fold((0.0, 0.0), |(sum, n), square| (sum + square, n + 1.0));
    sum / n
}
