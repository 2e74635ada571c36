//! Recall of a class: of the samples with its label, the fraction for which it is predicted. It is 0 of a class without
//! samples.
//!
//! `recall_macro` is the mean over the classes that are the label or the prediction of a sample, `recall_weighted` over
//! all samples, each with the recall of its label, which is the accuracy.

use super::{ClassCounts, Metric, MetricFormula, has_labels};

/// The mean over classes: see the [module](self).
pub const RECALL_MACRO: Metric = Metric {
    name: "recall_macro",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| Ok(predictions.macro_mean(recall))),
};

/// The mean over samples: see the [module](self).
pub const RECALL_WEIGHTED: Metric = Metric {
    name: "recall_weighted",
    formula: MetricFormula::Classes(|predictions| Ok(predictions.weighted_mean(recall))),
    ..RECALL_MACRO
};

/// The recall of a class.
pub fn recall(counts: &ClassCounts) -> f64 {
    counts.correct as f64 / counts.samples.max(1) as f64
}
