//! Root mean squared error: the square root of the mean squared error over all values, in the unit of the targets.

use super::mean_squared_error::mean_squared_error;
use super::{Metric, MetricFormula, has_values};

/// See the [module](self).
pub const ROOT_MEAN_SQUARED_ERROR: Metric = Metric {
    name: "root_mean_squared_error",
    unit: "target",
    higher_is_better: false,
    applies_to: has_values,
    formula: MetricFormula::Values(|values| Ok(mean_squared_error(values).sqrt())),
};
