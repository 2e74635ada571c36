//! Metrics: one file each. This list is the whole registry.
//!
//! A metric is computed for every training batch that is reported and for every evaluation of a network whose targets
//! it applies to. Logs, results, tables and pages take its name, its unit and its direction from here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use data::Targets;
use events::{Best, MetricInfo, Metrics};
use graph::{NodeId, Pool, Program};
use nn::Loss;

pub mod accuracy;
pub mod mean_absolute_error;

/// Every metric, in the order in which they are shown.
pub const METRICS: &[Metric] = &[accuracy::ACCURACY, mean_absolute_error::MEAN_ABSOLUTE_ERROR];

/// A measure of predictions against targets, besides the loss.
#[derive(Debug)]
pub struct Metric {
    /// Its name in logs and results.
    pub name: &'static str,
    /// Its unit: `fraction` for 0 to 1, `target` for that of the target values.
    pub unit: &'static str,
    /// Whether a larger value is a better one.
    pub higher_is_better: bool,
    /// Whether it can be computed for these targets.
    pub applies_to: fn(&Targets) -> bool,
    /// The sum of its values for some samples; the mean over all samples is the value that is reported. Row `i` of
    /// the predictions is the output of the last layer for the sample whose target has the number that is the `i`th of
    /// the indices; there is at least one. Called only with targets that it applies to.
    pub sum: fn(&[f32], &Targets, &[u32]) -> f64,
}

/// The metrics that apply to some targets, with their places in [`METRICS`].
fn applicable(targets: &Targets) -> impl Iterator<Item = (usize, &'static Metric)> {
    METRICS.iter().enumerate().filter(move |(_, metric)| (metric.applies_to)(targets))
}

/// What a reader must know of the metrics of a run with such targets: the loss first.
pub fn metric_infos(loss: &Loss, targets: &Targets) -> Vec<MetricInfo> {
    let unit = if loss.is_in_nats() { "nats" } else { loss.name() };
    let loss = MetricInfo { name: "loss".into(), unit: unit.into(), higher_is_better: false };
    let others = applicable(targets).map(|(_, metric)| MetricInfo {
        name: metric.name.into(),
        unit: metric.unit.into(),
        higher_is_better: metric.higher_is_better,
    });
    std::iter::once(loss).chain(others).collect()
}

/// Sums of the metrics over samples, in the order of [`METRICS`].
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricSums([f64; METRICS.len()]);

impl MetricSums {
    /// Adds samples; the arguments are those of [`Metric::sum`].
    pub fn add(&mut self, predictions: &[f32], targets: &Targets, indices: &[u32]) {
        for (i, metric) in applicable(targets) {
            self.0[i] += (metric.sum)(predictions, targets, indices);
        }
    }

    /// The metrics of `samples` samples with such targets, whose mean loss is known.
    pub fn metrics(&self, loss: f64, targets: &Targets, samples: usize) -> Metrics {
        applicable(targets).fold(Metrics::new(loss), |metrics, (i, metric)| {
            metrics.with(metric.name, self.0[i] / samples as f64)
        })
    }
}

/// Computes the metrics of a batch, tile by tile on the threads of a pool.
#[derive(Debug)]
pub struct BatchMetrics {
    /// The samples of each tile, and their sums.
    tiles: Vec<(Range<usize>, MetricSums)>,
    /// Of each thread: the predictions of a tile.
    rows: Vec<Mutex<Vec<f32>>>,
}

impl BatchMetrics {
    /// For the batches of `program` on the threads of `pool`.
    pub fn new(program: &Program<f32>, pool: &Pool) -> Self {
        let rows = std::iter::repeat_with(Mutex::default).take(pool.threads()).collect();
        let tiles = program.tiles().map(|samples| (samples, MetricSums::default())).collect();
        Self { tiles, rows }
    }

    /// The metrics of the batch that `program` has run, whose mean loss is known. `indices` are the numbers of its
    /// samples in the dataset, `prediction` is the kept output of the last layer.
    pub fn metrics(
        &mut self,
        loss: f64,
        (program, prediction): (&Program<f32>, NodeId),
        pool: &Pool,
        targets: &Targets,
        indices: &[u32],
    ) -> Metrics {
        let outputs = program.graph().shape(prediction).len();
        pool.each_with(&mut self.tiles, &self.rows, |tile, (samples, sums), rows| {
            rows.resize(samples.len() * outputs, 0.0);
            program.copy_tile_value(prediction, tile, rows);
            *sums = MetricSums::default();
            sums.add(rows, targets, &indices[samples.clone()]);
        });
        let mut total = MetricSums::default();
        for (_, sums) in &self.tiles {
            total.0.iter_mut().zip(sums.0).for_each(|(total, sum)| *total += sum);
        }
        total.metrics(loss, targets, indices.len())
    }
}

/// Notes the values of `metrics` at `step` that are better than the best so far. NaN never is.
pub fn update_best(best: &mut BTreeMap<String, Best>, metrics: &Metrics, step: u64) {
    let higher_is_better =
        |name| METRICS.iter().any(|metric| metric.name == name && metric.higher_is_better);
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
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
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
