//! Metrics that are means over samples, for batches and parts: sums that are added tile by tile.

use std::ops::Range;
use std::sync::Mutex;

use data::Targets;
use events::Metrics;
use graph::{NodeId, Pool, Program};

use super::{Metric, MetricFormula, applicable};

/// The sum of the values of a metric for some samples: see [`MetricFormula::Mean`].
type SumOfValues = fn(&[f32], &Targets, &[u32]) -> f64;

/// Sums of the metrics that are means over samples and apply to some targets.
#[derive(Clone, Debug)]
pub struct MetricSums {
    sums: Vec<(&'static Metric, SumOfValues, f64)>,
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
        let sums = applicable(targets).filter_map(|metric| match metric.formula {
            MetricFormula::Mean(sum_of_values) => Some((metric, sum_of_values, 0.0)),
            MetricFormula::Classes(_) | MetricFormula::Values(_) => None,
        });
        let sums = sums.collect();
        Self { sums, scaled: (!scales.is_empty()).then(|| ScaledValues::new(scales)) }
    }

    /// Adds samples; the arguments are those of [`MetricFormula::Mean`], with values as the network is trained on them.
    pub fn add(&mut self, predictions: &[f32], targets: &Targets, indices: &[u32]) {
        let Self { sums, scaled } = self;
        let (predictions, targets, indices) = match scaled {
            None => (predictions, targets, indices),
            Some(scaled) => {
                scaled.fill(predictions, targets, indices);
                (&scaled.predictions[..], &scaled.targets, &scaled.indices[..])
            }
        };
        for (_, sum_of_values, sum) in sums {
            *sum += sum_of_values(predictions, targets, indices);
        }
    }

    /// The metrics of all samples that were added, of which there are `samples`, and whose mean loss is known.
    pub fn metrics(&self, loss: f64, samples: usize) -> Metrics {
        self.sums.iter().fold(Metrics::new(loss), |metrics, (metric, _, sum)| {
            metrics.with(metric.name, sum / samples as f64)
        })
    }

    fn reset(&mut self) {
        self.sums.iter_mut().for_each(|(.., sum)| *sum = 0.0);
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
        for of_tile in self.of_all_tiles(program).chunks_exact(self.total.sums.len().max(1)) {
            let pairs = self.total.sums.iter_mut().zip(of_tile);
            pairs.for_each(|((.., total), sum)| *total += sum);
        }
        self.total.metrics(loss, indices.len())
    }

    /// The sums of each tile, one after the other, those of other processes included.
    fn of_all_tiles(&self, program: &Program<f32>) -> Vec<f64> {
        let own = self.tiles.iter().flat_map(|(_, sums)| &sums.sums).map(|(.., sum)| *sum);
        let Some(group) = program.group() else { return own.collect() };
        let mut end = 0;
        let parts = program.tiles_of_processes().into_iter().map(|tiles| {
            let start = end;
            end += tiles * self.total.sums.len();
            start..end
        });
        let parts: Vec<Range<usize>> = parts.collect();
        let mut all = vec![0.0; end];
        all[parts[group.rank()].clone()].iter_mut().zip(own).for_each(|(to, sum)| *to = sum);
        group.all_gather(&mut all, &parts);
        all
    }
}
