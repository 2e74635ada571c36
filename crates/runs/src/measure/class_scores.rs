//! The metrics of each class.

use serde::Serialize;

use crate::metrics::average_precision::average_precision;
use crate::metrics::f1::f1;
use crate::metrics::precision::precision;
use crate::metrics::recall::recall;
use crate::metrics::roc_auc::roc_auc;
use crate::metrics::{ClassCounts, ClassPredictions};

/// The metrics of a class against all others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScores {
    /// Samples with its label.
    pub samples: usize,
    /// Samples for which it is predicted.
    pub predicted: usize,
    /// Samples that are both.
    pub correct: usize,
    /// See [`precision`].
    pub precision: f64,
    /// See [`recall`].
    pub recall: f64,
    /// See [`f1`].
    pub f1: f64,
    /// See [`roc_auc`]; none also where a prediction is not finite.
    pub roc_auc: Option<f64>,
    /// See [`average_precision`]; none also where a prediction is not finite.
    pub average_precision: Option<f64>,
}

impl ClassScores {
    /// Of every class, in their order.
    pub fn of_all(predictions: &ClassPredictions<'_>) -> Vec<Self> {
        let of_class = |(class, counts): (usize, &ClassCounts)| {
            let ranking = predictions.ranking(class).ok();
            Self {
                samples: counts.samples,
                predicted: counts.predicted,
                correct: counts.correct,
                precision: precision(counts),
                recall: recall(counts),
                f1: f1(counts),
                roc_auc: ranking.as_ref().and_then(roc_auc),
                average_precision: ranking.as_ref().and_then(average_precision),
            }
        };
        predictions.counts().iter().enumerate().map(of_class).collect()
    }
}
