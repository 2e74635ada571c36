//! Balanced accuracy: the mean recall of the classes that samples have. Each class counts alike, however many its
//! samples are; predicting one class for all gives 1 / classes.

use super::recall::recall;
use super::{Metric, MetricFormula, has_labels};

/// See the [module](self).
pub const BALANCED_ACCURACY: Metric = Metric {
    name: "balanced_accuracy",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| {
        let found = predictions.counts().iter().filter(|counts| counts.samples > 0);
        let (sum, n) = found.fold((0.0, 0.0), |(sum, n), counts| (sum + recall(counts), n + 1.0));
        Ok(sum / n)
    }),
};
