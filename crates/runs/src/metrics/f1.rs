//! F1 of a class: the harmonic mean of its precision and its recall, `2·correct / (samples + predicted)`. It is 0 of a
//! class that is neither a label nor predicted.
//!
//! `f1_macro` is the mean over the classes that are the label or the prediction of a sample, `f1_weighted` over all
//! samples, each with the F1 of its label.

use super::{ClassCounts, Metric, MetricFormula, has_labels};

/// The mean over classes: see the [module](self).
pub const F1_MACRO: Metric = Metric {
    name: "f1_macro",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| Ok(predictions.macro_mean(f1))),
};

/// The mean over samples: see the [module](self).
pub const F1_WEIGHTED: Metric = Metric {
    name: "f1_weighted",
    formula: MetricFormula::Classes(|predictions| Ok(predictions.weighted_mean(f1))),
    ..F1_MACRO
};

/// The F1 of a class.
pub fn f1(counts: &ClassCounts) -> f64 {
    2.0 * counts.correct as f64 / (counts.samples + counts.predicted).max(1) as f64
}
