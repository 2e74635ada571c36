//! Metrics: one file each. This list is the whole registry.
//!
//! A metric that is a mean over samples is computed for every training batch that is reported and for every evaluation.
//! Any metric is computed from all predictions for a part by [`Evaluation::measure`](crate::Evaluation::measure), which
//! `gradus eval` prints. Each applies to classes or to values. Logs, results, tables and pages take its name, its unit
//! and its direction from here. A program adds metrics of its own by [`register`].
//!
//! `docs/metrics.md` defines each.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use data::Targets;
use events::{Best, MetricInfo, Metrics};
use nn::Loss;
use nn::registry::RegisterError;
use serde::{Deserialize, Serialize};

pub mod absolute_error;
pub mod accuracy;
pub mod average_precision;
pub mod balanced_accuracy;
pub mod brier_score;
pub mod expected_calibration_error;
pub mod f1;
pub mod log_loss;
pub mod mean_absolute_error;
pub mod mean_squared_error;
pub mod precision;
mod predictions;
pub mod r_squared;
pub mod recall;
pub mod roc_auc;
pub mod root_mean_squared_error;
mod sums;
pub mod top_5_accuracy;

pub use predictions::{
    ClassCounts, ClassPredictions, ClassProbabilities, Ranking, ValuePredictions,
};
pub use sums::{BatchMetrics, MetricSums};

/// Every metric of the library, in the order in which they are shown.
pub const METRICS: &[Metric] = &[
    accuracy::ACCURACY,
    balanced_accuracy::BALANCED_ACCURACY,
    top_5_accuracy::TOP_5_ACCURACY,
    precision::PRECISION_MACRO,
    precision::PRECISION_WEIGHTED,
    recall::RECALL_MACRO,
    recall::RECALL_WEIGHTED,
    f1::F1_MACRO,
    f1::F1_WEIGHTED,
    roc_auc::ROC_AUC,
    average_precision::AVERAGE_PRECISION,
    log_loss::LOG_LOSS,
    brier_score::BRIER_SCORE,
    expected_calibration_error::EXPECTED_CALIBRATION_ERROR,
    mean_absolute_error::MEAN_ABSOLUTE_ERROR,
    mean_squared_error::MEAN_SQUARED_ERROR,
    root_mean_squared_error::ROOT_MEAN_SQUARED_ERROR,
    r_squared::R_SQUARED,
    absolute_error::ABSOLUTE_ERROR_MEDIAN,
    absolute_error::ABSOLUTE_ERROR_P90,
    absolute_error::ABSOLUTE_ERROR_P99,
    absolute_error::ABSOLUTE_ERROR_MAX,
];

/// A measure of predictions against targets, besides the loss.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name in logs and results.
    pub name: &'static str,
    /// Its unit: `fraction` for 0 to 1, `nats`, `target` for that of the target values, `squared target`, or `none`.
    pub unit: &'static str,
    /// Whether a larger value is a better one.
    pub higher_is_better: bool,
    /// Whether it can be computed for these targets.
    pub applies_to: fn(&Targets) -> bool,
    /// How it is computed.
    pub formula: MetricFormula,
}

/// How a metric follows from predictions and targets.
#[derive(Clone, Copy, Debug)]
pub enum MetricFormula {
    /// A mean over samples, which is reported while training as well: the sum of its values for some samples. Row `i`
    /// of the predictions is the output of the last layer for the sample whose target has the number that is the `i`th
    /// of the indices; there is at least one. Called only with targets that the metric applies to. Values are in the
    /// unit of the target; if it is standardised, both count from its mean, so that `f32` tells them apart.
    Mean(fn(&[f32], &Targets, &[u32]) -> f64),
    /// A number that follows from the predicted classes of all samples of a part.
    Classes(fn(&ClassPredictions<'_>) -> MetricValue),
    /// A number that follows from the predicted values of all samples of a part.
    Values(fn(&ValuePredictions<'_>) -> MetricValue),
}

/// The value of a metric or, where it is undefined, the reason: a clause such as `all targets are equal`.
pub type MetricValue = Result<f64, &'static str>;

/// Why a metric is undefined that is computed from numbers.
pub(crate) const NOT_FINITE: &str = "a prediction is infinite or NaN";

/// The metrics of the program. A list that was published never changes: another one takes its place.
static REGISTERED: RwLock<&[&Metric]> = RwLock::new(&[]);

/// Adds a metric of the program, which trainers and evaluators that are made from now on compute.
///
/// ```
/// use data::Targets;
/// use gradus_runs::metrics::{Metric, MetricFormula, register};
///
/// register(Metric {
///     name: "bias",
///     unit: "target",
///     higher_is_better: false,
///     applies_to: |targets| matches!(targets, Targets::Values { width: 1, .. }),
///     formula: MetricFormula::Mean(|predictions, targets, indices| {
///         let Targets::Values { values, .. } = targets else { return f64::NAN };
///         let pairs = predictions.iter().zip(indices);
///         pairs.map(|(y, &index)| f64::from(y - values[index as usize])).sum()
///     }),
/// })?;
/// # Ok::<(), nn::registry::RegisterError>(())
/// ```
///
/// # Errors
///
/// If the name is taken or malformed.
pub fn register(metric: Metric) -> Result<(), RegisterError> {
    RegisterError::check_name(metric.name)?;
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let mut names = METRICS.iter().chain(registered.iter().copied()).map(|metric| metric.name);
    if metric.name == "loss" || names.any(|name| name == metric.name) {
        return Err(RegisterError::NameTaken(metric.name));
    }
    let metric: &Metric = Box::leak(Box::new(metric));
    *registered = Vec::leak([*registered, &[metric]].concat());
    Ok(())
}

/// Every metric, those of the program at the end.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    let registered = *REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    METRICS.iter().chain(registered.iter().copied())
}

/// The metrics that apply to some targets.
pub(crate) fn applicable(targets: &Targets) -> impl Iterator<Item = &'static Metric> {
    all().filter(move |metric| (metric.applies_to)(targets))
}

/// [`Metric::applies_to`] of metrics of classes.
fn has_labels(targets: &Targets) -> bool {
    matches!(targets, Targets::Labels { .. })
}

/// [`Metric::applies_to`] of metrics of values.
fn has_values(targets: &Targets) -> bool {
    matches!(targets, Targets::Values { .. })
}

/// What a reader must know of the metrics that a run with such targets reports: the loss first.
pub fn metric_infos(loss: &Loss, targets: &Targets) -> Vec<MetricInfo> {
    let unit = if loss.is_in_nats() { "nats" } else { loss.name() };
    let loss = MetricInfo { name: "loss".into(), unit: unit.into(), higher_is_better: false };
    let means =
        applicable(targets).filter(|metric| matches!(metric.formula, MetricFormula::Mean(_)));
    let others = means.map(|metric| MetricInfo {
        name: metric.name.into(),
        unit: metric.unit.into(),
        higher_is_better: metric.higher_is_better,
    });
    std::iter::once(loss).chain(others).collect()
}

/// How much better a metric is after a change from one value to another: negative if it is worse.
pub fn improvement(metric: &str, from: f64, to: f64) -> f64 {
    let higher_is_better = all().any(|each| each.name == metric && each.higher_is_better);
    if higher_is_better { to - from } else { from - to }
}

/// Which evaluation is the best of several with the same value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BestOfEqual {
    /// The first.
    #[default]
    First,
    /// The last, which was trained longest.
    Last,
}

impl BestOfEqual {
    pub(crate) fn is_first(&self) -> bool {
        *self == Self::First
    }
}

/// Notes the values of `metrics` at `step` that are better than the best so far, or as good if the last of equal ones is
/// the best, beside those on the test set if another set chooses. NaN never is.
pub fn update_best(
    best: &mut BTreeMap<String, Best>,
    of_equal: BestOfEqual,
    metrics: &Metrics,
    test: Option<&Metrics>,
    step: u64,
) {
    for (name, value) in metrics.iter().filter(|(_, value)| !value.is_nan()) {
        let is_better = |best: &Best| match of_equal {
            BestOfEqual::First => improvement(name, best.value, value) > 0.0,
            BestOfEqual::Last => improvement(name, best.value, value) >= 0.0,
        };
        if best.get(name).is_none_or(is_better) {
            let test = test.and_then(|test| test.get(name)).filter(|value| value.is_finite());
            best.insert(name.to_owned(), Best { value, step, test });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_none_is_called_loss() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        names.push("loss");
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn a_metric_of_the_program_is_computed_where_it_applies_and_its_name_is_its_own() {
        let metric = |name| Metric {
            name,
            unit: "samples",
            higher_is_better: true,
            applies_to: |targets| matches!(targets, Targets::Values { width: 3, .. }),
            formula: MetricFormula::Mean(|_, _, indices| indices.len() as f64),
        };
        for name in ["loss", "accuracy"] {
            assert_eq!(register(metric(name)), Err(RegisterError::NameTaken(name)));
        }
        assert_eq!(register(metric("1")), Err(RegisterError::Name("1")));
        register(metric("samples_seen")).unwrap();
        assert_eq!(register(metric("samples_seen")), Err(RegisterError::NameTaken("samples_seen")));
        let targets = |width| Targets::Values { values: vec![0.0; 6], width };
        let infos = |width| metric_infos(&Loss::default(), &targets(width));
        assert_eq!(infos(3).last().unwrap().name, "samples_seen");
        assert_ne!(infos(2).last().unwrap().name, "samples_seen");
        let mut sums = MetricSums::new(&targets(3), &[]);
        sums.add(&[0.0; 6], &targets(3), &[0, 1]);
        assert_eq!(sums.metrics(0.5, 2).get("samples_seen"), Some(1.0));
        // Two outputs with units of their own: |1 − 0| · 10 and |1 − 3| · 100, over two values.
        let mut scaled = MetricSums::new(&targets(2), &[10.0, 100.0]);
        let values = Targets::Values { values: vec![9.0, 9.0, 0.0, 3.0], width: 2 };
        scaled.add(&[1.0, 1.0], &values, &[1]);
        assert_eq!(scaled.metrics(0.0, 1).get("mean_absolute_error"), Some(105.0));
        let mut best = BTreeMap::new();
        for (step, value) in [(1, 0.5), (2, 0.75)] {
            let metrics = Metrics::new(0.0).with("samples_seen", value);
            update_best(&mut best, BestOfEqual::First, &metrics, None, step);
        }
        assert_eq!(best["samples_seen"].step, 2);
    }

    #[test]
    fn the_best_value_depends_on_the_direction_and_is_never_nan() {
        let mut best = BTreeMap::new();
        for (step, loss, accuracy) in [(1, f64::NAN, 0.5), (2, 0.5, 0.75), (3, 0.25, 0.5)] {
            let metrics = Metrics::new(loss).with("accuracy", accuracy);
            let test = Metrics::new(f64::NAN).with("accuracy", accuracy / 2.0);
            update_best(&mut best, BestOfEqual::First, &metrics, Some(&test), step);
        }
        let expected = [("accuracy", 0.75, 2, Some(0.375)), ("loss", 0.25, 3, None)];
        let best_of =
            |(name, value, step, test): (&str, _, _, _)| (name.into(), Best { value, step, test });
        let expected = expected.map(best_of);
        assert_eq!(best, BTreeMap::from(expected));
    }

    #[test]
    fn the_best_of_equal_values_is_the_first_or_the_last() {
        let step_of = |of_equal| {
            let mut best = BTreeMap::new();
            for (step, accuracy) in [(1, 0.5), (2, 0.75), (3, 0.75), (4, f64::NAN), (5, 0.5)] {
                let metrics = Metrics::new(1.0).with("accuracy", accuracy);
                update_best(&mut best, of_equal, &metrics, None, step);
            }
            [best["accuracy"].step, best["loss"].step]
        };
        assert_eq!(step_of(BestOfEqual::First), [2, 1]);
        assert_eq!(step_of(BestOfEqual::Last), [3, 5]);
    }
}
