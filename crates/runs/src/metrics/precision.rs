//! Precision of a class: of the samples for which it is predicted, the fraction that have its label. It is 0 of a class
//! that is never predicted.
//!
//! `precision_macro` is the mean over the classes that are the label or the prediction of a sample, `precision_weighted`
//! over all samples, each with the precision of its label.

use super::{ClassCounts, Metric, MetricFormula, has_labels};

/// The mean over classes: see the [module](self).
pub const PRECISION_MACRO: Metric = Metric {
    name: "precision_macro",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| Ok(predictions.macro_mean(precision))),
};

/// The mean over samples: see the [module](self).
pub const PRECISION_WEIGHTED: Metric = Metric {
    name: "precision_weighted",
    formula: MetricFormula::Classes(|predictions| Ok(predictions.weighted_mean(precision))),
    ..PRECISION_MACRO
};

/// The precision of a class.
pub fn precision(counts: &ClassCounts) -> f64 {
    counts.correct as f64 / counts.predicted.max(1) as f64
}
