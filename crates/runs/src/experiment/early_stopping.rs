//! Early stopping: the end of a run that no longer gets better.
//!
//! After each evaluation that the experiment asks for, the metric by which the run chooses is compared with its best
//! value so far. The run ends after `patience` such evaluations in a row without an improvement. The evaluation before
//! the first step counts as one; those of pauses do not, so that a pause changes nothing.
//! Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", algorithm 7.1.

use nn::registry::{not_negative, one_or_more};
use nn::settings;
use serde::{Deserialize, Serialize};

use crate::metrics::improvement;

settings! {
    /// When a run ends before its last step. See the [module docs](self).
    pub struct EarlyStopping {
        /// Evaluations in a row without an improvement, after which the run ends: 1 or more.
        patience: u64 = 10, one_or_more;
        /// The name of the metric by which the run chooses; if not given, `accuracy` with classes and else `loss`.
        #[serde(skip_serializing_if = "Option::is_none")]
        metric: Option<String> = None;
        /// An improvement is more than this, in the unit of the metric: 0 or more.
        min_improvement: f64 = 0.0, not_negative;
    }
}

/// The evaluations of a run since it was at its best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stagnation {
    /// The best value.
    best: Option<f64>,
    /// Evaluations since then.
    evaluations: u64,
    /// The step of the last evaluation.
    step: Option<u64>,
}

impl Stagnation {
    /// Notes the value of `metric` after `step`, once. An infinite value or NaN does not improve anything.
    pub fn note(&mut self, rule: &EarlyStopping, metric: &str, value: f64, step: u64) {
        if self.step.replace(step) == Some(step) {
            return;
        }
        let is_better = |best| improvement(metric, best, value) > rule.min_improvement;
        if value.is_finite() && self.best.is_none_or(is_better) {
            (self.best, self.evaluations) = (Some(value), 0);
        } else {
            self.evaluations += 1;
        }
    }

    /// Whether the run should end.
    pub fn is_over(&self, rule: &EarlyStopping) -> bool {
        self.evaluations >= rule.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many values the run ends.
    fn end(patience: u64, min_improvement: f64, metric: &str, values: &[f64]) -> Option<usize> {
        let rule = EarlyStopping { patience, metric: None, min_improvement };
        let mut stagnation = Stagnation::default();
        let mut notes = values.iter().enumerate().map(|(i, &value)| {
            stagnation.note(&rule, metric, value, i as u64);
            stagnation.note(&rule, metric, f64::NAN, i as u64);
            stagnation.is_over(&rule)
        });
        notes.position(|is_over| is_over).map(|i| i + 1)
    }

    #[test]
    fn a_run_ends_after_so_many_evaluations_without_an_improvement() {
        const NAN: f64 = f64::NAN;
        let cases = [
            (1, 0.0, "loss", &[3.0, 2.0, 1.0][..], None),
            (1, 0.0, "loss", &[3.0, 3.0], Some(2)),
            (2, 0.0, "loss", &[3.0, 3.5, 2.0, 2.0, 2.5], Some(5)),
            (2, 0.0, "accuracy", &[0.1, 0.5, 0.4, 0.6, 0.6, 0.5], Some(6)),
            // Exactly the least improvement is none.
            (2, 0.25, "accuracy", &[0.25, 0.5, 0.5, 0.75], Some(3)),
            (2, 0.25, "accuracy", &[0.25, 0.5, 0.625, 0.75], None),
            (2, 0.0, "accuracy", &[NAN, NAN], Some(2)),
            (2, 0.0, "accuracy", &[0.5, NAN, 0.6, NAN, f64::INFINITY], Some(5)),
            (2, 0.0, "loss", &[NAN, 9.0, NAN, f64::NEG_INFINITY], Some(4)),
        ];
        for (patience, least, metric, values, want) in cases {
            assert_eq!(end(patience, least, metric, values), want, "{metric} {values:?}");
        }
    }
}
