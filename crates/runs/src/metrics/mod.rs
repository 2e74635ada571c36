//! Metrics: one file each. This list is the whole registry.
//!
//! A metric is computed for every training batch that is reported and for every evaluation of a network whose targets
//! it applies to. Logs, results, tables and pages take its name, its unit and its direction from here. A program adds
//! metrics of its own by [`register`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError, RwLock};

use data::Targets;
use events::{Best, MetricInfo, Metrics};
use graph::{NodeId, Pool, Program};
use nn::Loss;
use nn::registry::RegisterError;

pub mod accuracy;
pub mod mean_absolute_error;

/// Every metric of the library, in the order in which they are shown.
pub const METRICS: &[Metric] = &[accuracy::ACCURACY, mean_absolute_error::MEAN_ABSOLUTE_ERROR];

/// A measure of predictions against targets, besides the loss.
#[derive(Clone, Debug)]
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
    /// the indices; there is at least one. Called only with targets that it applies to. Values are in the unit of the
    /// target; if it is standardised, both count from its mean, so that `f32` tells them apart.
    pub sum: fn(&[f32], &Targets, &[u32]) -> f64,
}

/// The metrics of the program. A list that was published never changes: another one takes its place.
static REGISTERED: RwLock<&[&Metric]> = RwLock::new(&[]);

/// Adds a metric of the program, which trainers and evaluators that are made from now on compute.
///
/// ```
/// use data::Targets;
/// use gradus_runs::metrics::{Metric, register};
///
/// register(Metric {
///     name: "bias",
///     unit: "target",
///     higher_is_better: false,
///     applies_to: |targets| matches!(targets, Targets::Values { width: 1, .. }),
///     sum: |predictions, targets, indices| {
///         let Targets::Values { values, .. } = targets else { return f64::NAN };
///         let pairs = predictions.iter().zip(indices);
///         pairs.map(|(y, &index)| f64::from(y - values[index as usize])).sum()
///     },
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
fn applicable(targets: &Targets) -> impl Iterator<Item = &'static Metric> {
    all().filter(move |metric| (metric.applies_to)(targets))
}

/// What a reader must know of the metrics of a run with such targets: the loss first.
pub fn metric_infos(loss: &Loss, targets: &Targets) -> Vec<MetricInfo> {
    let unit = if loss.is_in_nats() { "nats" } else { loss.name() };
    let loss = MetricInfo { name: "loss".into(), unit: unit.into(), higher_is_better: false };
    let others = applicable(targets).map(|metric| MetricInfo {
        name: metric.name.into(),
        unit: metric.unit.into(),
        higher_is_better: metric.higher_is_better,
    });
    std::iter::once(loss).chain(others).collect()
}

/// Sums of the metrics that apply to some targets, over samples.
#[derive(Clone, Debug)]
pub struct MetricSums {
    sums: Vec<(&'static Metric, f64)>,
    scaled: Option<ScaledValues>,
}

/// Values in the unit of the target.
#[derive(Clone, Debug)]
struct ScaledValues {
    scales: Vec<f64>,
    predictions: Vec<f32>,
    targets: Targets,
    indices: Vec<u32>,
}

impl ScaledValues {
    fn new(scales: &[f64]) -> Self {
        let targets = Targets::Values { values: Vec::new(), width: scales.len() };
        Self { scales: scales.to_vec(), predictions: Vec::new(), targets, indices: Vec::new() }
    }

    fn fill(&mut self, predictions: &[f32], targets: &Targets, indices: &[u32]) {
        let (Targets::Values { values: from, width }, Targets::Values { values, .. }) =
            (targets, &mut self.targets)
        else {
            return;
        };
        let scaled = |(&value, &scale): (&f32, &f64)| (f64::from(value) * scale) as f32;
        self.predictions.clear();
        self.predictions.extend(predictions.iter().zip(self.scales.iter().cycle()).map(scaled));
        values.clear();
        for &index in indices {
            let row = &from[index as usize * width..][..*width];
            values.extend(row.iter().zip(&self.scales).map(scaled));
        }
        self.indices.clear();
        self.indices.extend(0..indices.len() as u32);
    }
}

impl MetricSums {
    /// For samples with such targets, whose values were divided by [scales](data::FittedTarget::scales), if there are any.
    pub fn new(targets: &Targets, scales: &[f64]) -> Self {
        let sums = applicable(targets).map(|metric| (metric, 0.0)).collect();
        Self { sums, scaled: (!scales.is_empty()).then(|| ScaledValues::new(scales)) }
    }

    /// Adds samples; the arguments are those of [`Metric::sum`], with values as the network is trained on them.
    pub fn add(&mut self, predictions: &[f32], targets: &Targets, indices: &[u32]) {
        let Self { sums, scaled } = self;
        let (predictions, targets, indices) = match scaled {
            None => (predictions, targets, indices),
            Some(scaled) => {
                scaled.fill(predictions, targets, indices);
                (&scaled.predictions[..], &scaled.targets, &scaled.indices[..])
            }
        };
        for (metric, sum) in sums {
            *sum += (metric.sum)(predictions, targets, indices);
        }
    }

    /// The metrics of all samples that were added, of which there are `samples`, and whose mean loss is known.
    pub fn metrics(&self, loss: f64, samples: usize) -> Metrics {
        self.sums.iter().fold(Metrics::new(loss), |metrics, (metric, sum)| {
            metrics.with(metric.name, sum / samples as f64)
        })
    }

    fn reset(&mut self) {
        self.sums.iter_mut().for_each(|(_, sum)| *sum = 0.0);
    }
}

/// Computes the metrics of a batch, tile by tile on the threads of a pool.
#[derive(Debug)]
pub struct BatchMetrics {
    /// The samples of each tile, and their sums.
    tiles: Vec<(Range<usize>, MetricSums)>,
    total: MetricSums,
    /// Of each thread: the predictions of a tile.
    rows: Vec<Mutex<Vec<f32>>>,
}

impl BatchMetrics {
    /// For the batches of `program` on the threads of `pool`; of samples as [`MetricSums::new`].
    pub fn new(program: &Program<f32>, pool: &Pool, targets: &Targets, scales: &[f64]) -> Self {
        let rows = std::iter::repeat_with(Mutex::default).take(pool.threads()).collect();
        let total = MetricSums::new(targets, scales);
        let tiles = program.tiles().map(|samples| (samples, total.clone())).collect();
        Self { tiles, total, rows }
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
            sums.reset();
            sums.add(rows, targets, &indices[samples.clone()]);
        });
        self.total.reset();
        for (_, sums) in &self.tiles {
            let pairs = self.total.sums.iter_mut().zip(&sums.sums);
            pairs.for_each(|((_, total), (_, sum))| *total += sum);
        }
        self.total.metrics(loss, indices.len())
    }
}

/// How much better a metric is after a change from one value to another: negative if it is worse.
pub fn improvement(metric: &str, from: f64, to: f64) -> f64 {
    let higher_is_better = all().any(|each| each.name == metric && each.higher_is_better);
    if higher_is_better { to - from } else { from - to }
}

/// Notes the values of `metrics` at `step` that are better than the best so far, beside those on the test set if
/// another set chooses. NaN never is.
pub fn update_best(
    best: &mut BTreeMap<String, Best>,
    metrics: &Metrics,
    test: Option<&Metrics>,
    step: u64,
) {
    for (name, value) in metrics.iter().filter(|(_, value)| !value.is_nan()) {
        let is_better = |best: &Best| improvement(name, best.value, value) > 0.0;
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
            sum: |_, _, indices| indices.len() as f64,
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
            update_best(&mut best, &Metrics::new(0.0).with("samples_seen", value), None, step);
        }
        assert_eq!(best["samples_seen"].step, 2);
    }

    #[test]
    fn the_best_value_depends_on_the_direction_and_is_never_nan() {
        let mut best = BTreeMap::new();
        for (step, loss, accuracy) in [(1, f64::NAN, 0.5), (2, 0.5, 0.75), (3, 0.25, 0.5)] {
            let metrics = Metrics::new(loss).with("accuracy", accuracy);
            let test = Metrics::new(f64::NAN).with("accuracy", accuracy / 2.0);
            update_best(&mut best, &metrics, Some(&test), step);
        }
        let expected = [("accuracy", 0.75, 2, Some(0.375)), ("loss", 0.25, 3, None)];
        let best_of =
            |(name, value, step, test): (&str, _, _, _)| (name.into(), Best { value, step, test });
        let expected = expected.map(best_of);
        assert_eq!(best, BTreeMap::from(expected));
    }
}
