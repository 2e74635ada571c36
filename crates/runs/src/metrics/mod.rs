//! Metrics: one file each. This list is the whole registry.
//!
//! A metric is computed for every training batch that is reported and for every evaluation of a network whose targets
//! it applies to. Logs, results, tables and pages take its name, its unit and its direction from here.

use std::collections::BTreeMap;
use std::fmt::Debug;

use data::Targets;
use events::{Best, MetricInfo, Metrics};
use nn::Loss;

pub mod accuracy;
pub mod mean_absolute_error;

/// Every metric, in the order in which they are shown.
pub const METRICS: &[&dyn Metric] = &[&accuracy::Accuracy, &mean_absolute_error::MeanAbsoluteError];

/// A measure of predictions against targets, besides the loss.
pub trait Metric: Debug + Sync {
    /// Its name in logs and results.
    fn name(&self) -> &'static str;

    /// Its unit: `fraction` for 0 to 1, `target` for that of the target values.
    fn unit(&self) -> &'static str;

    /// Whether a larger value is a better one.
    fn higher_is_better(&self) -> bool;

    /// Whether it can be computed for these targets.
    fn applies_to(&self, targets: &Targets) -> bool;

    /// Its value. `predictions` has a row of `outputs` numbers, the output of the last layer, for each target; there
    /// is at least one. Called only with targets that it applies to.
    fn value(&self, predictions: &[f32], outputs: usize, targets: &Targets) -> f64;
}

/// The metrics that apply to some targets.
fn applicable(targets: &Targets) -> impl Iterator<Item = &'static dyn Metric> {
    METRICS.iter().copied().filter(move |metric| metric.applies_to(targets))
}

/// What a reader must know of the metrics of a run with such targets: the loss first.
pub fn metric_infos(loss: &Loss, targets: &Targets) -> Vec<MetricInfo> {
    let unit = if loss.is_in_nats() { "nats" } else { loss.name() };
    let loss = MetricInfo { name: "loss".into(), unit: unit.into(), higher_is_better: false };
    let others = applicable(targets).map(|metric| MetricInfo {
        name: metric.name().into(),
        unit: metric.unit().into(),
        higher_is_better: metric.higher_is_better(),
    });
    std::iter::once(loss).chain(others).collect()
}

/// The metrics of some predictions whose mean loss is known.
pub fn metrics(loss: f64, predictions: &[f32], outputs: usize, targets: &Targets) -> Metrics {
    applicable(targets).fold(Metrics::new(loss), |metrics, metric| {
        metrics.with(metric.name(), metric.value(predictions, outputs, targets))
    })
}

/// Notes the values of `metrics` at `step` that are better than the best so far. NaN never is.
pub fn update_best(best: &mut BTreeMap<String, Best>, metrics: &Metrics, step: u64) {
    let higher_is_better =
        |name| METRICS.iter().any(|metric| metric.name() == name && metric.higher_is_better());
    for (name, value) in metrics.iter().filter(|(_, value)| !value.is_nan()) {
        let is_better = best.get(name).is_none_or(|best| match higher_is_better(name) {
            true => value > best.value,
            false => value < best.value,
        });
        if is_better {
            best.insert(name.to_owned(), Best { value, step });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_none_is_called_loss() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name()).collect();
        names.push("loss");
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn the_best_value_depends_on_the_direction_and_is_never_nan() {
        let mut best = BTreeMap::new();
        for (step, loss, accuracy) in [(1, f64::NAN, 0.5), (2, 0.5, 0.75), (3, 0.25, 0.5)] {
            update_best(&mut best, &Metrics::new(loss).with("accuracy", accuracy), step);
        }
        let expected = [("accuracy", 0.75, 2), ("loss", 0.25, 3)];
        let expected = expected.map(|(name, value, step)| (name.into(), Best { value, step }));
        assert_eq!(best, BTreeMap::from(expected));
    }
}
