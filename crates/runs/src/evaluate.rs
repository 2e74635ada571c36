//! Measuring a network on a dataset.

use data::{Dataset, Targets};
use graph::{Compile, Pool, Program, RunArgs, Tensor};
use nn::{Mode, Model, Network, NetworkError, Objective};

use crate::batch_source::BatchSource;
use crate::sizes::{outputs_of, statistics_starts, target_shape};

/// Samples that go through the network together.
const BATCH: usize = 1000;

/// What a network achieves on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Samples measured.
    pub samples: usize,
    /// Mean data loss, in nats per sample for a cross-entropy.
    pub loss: f64,
    /// Correct share, in 0..=1, if there are classes.
    pub accuracy: Option<f64>,
    /// What the last layer said of each sample, row by row.
    pub predictions: Tensor<f32>,
}

/// A network compiled for evaluation.
#[derive(Debug)]
pub struct Evaluator {
    model: Model<f32>,
    /// For whole batches, and for what is left after the last of them.
    programs: Vec<Program<f32>>,
    divisor: f32,
    statistics_starts: Vec<usize>,
    indices: Vec<u32>,
}

impl Evaluator {
    /// Compiles `network` for evaluation on datasets of the size and kind of `dataset`.
    ///
    /// # Errors
    ///
    /// If the network does not fit, in itself or to the dataset's targets.
    pub fn new(
        network: &Network,
        objective: &Objective,
        dataset: &Dataset,
        divisor: f32,
    ) -> Result<Self, NetworkError> {
        let (outputs, target) = (outputs_of(dataset), target_shape(dataset));
        let model: Model<f32> =
            network.model_with_target(Mode::Evaluate, objective, outputs, target)?;
        let graph = std::sync::Arc::new(model.graph.clone());
        let sizes = [dataset.len().min(BATCH), dataset.len() % BATCH];
        let wanted = if dataset.len() > BATCH { &sizes[..] } else { &sizes[..1] };
        let compile = |&batch: &usize| {
            let keep = vec![model.prediction, model.data_loss];
            let options = Compile { batch, keep, ..Compile::default() };
            Program::new(std::sync::Arc::clone(&graph), &options).expect("no loss to be wrong")
        };
        let programs = wanted.iter().filter(|&&batch| batch > 0).map(compile).collect();
        let statistics_starts = statistics_starts(&model.running_statistics);
        Ok(Self { model, programs, divisor, statistics_starts, indices: Vec::new() })
    }

    /// The graph for evaluation.
    pub fn model(&self) -> &Model<f32> {
        &self.model
    }

    /// Measures on all samples of `dataset`, which is of the size the evaluator was made for.
    pub fn evaluate(
        &mut self,
        pool: Option<&Pool>,
        dataset: &Dataset,
        parameters: &[f32],
        running_statistics: &[f32],
    ) -> Evaluation {
        let outputs = outputs_of(dataset);
        let mut predictions = Vec::with_capacity(dataset.len() * outputs);
        let mut loss_sum = 0.0;
        let mut first = 0;
        while first < dataset.len() {
            let left = dataset.len() - first;
            let program = self.programs.iter_mut().find(|program| program.batch() <= left);
            let program = program.expect("made for a dataset of this size");
            self.indices.clear();
            self.indices.extend((first..first + program.batch()).map(|i| i as u32));
            let inputs = BatchSource {
                dataset,
                indices: &self.indices,
                next: &[],
                divisor: self.divisor,
                running_statistics,
                statistics_starts: &self.statistics_starts,
            };
            program.run(&RunArgs { pool, parameters, inputs: &inputs, ..RunArgs::default() });
            loss_sum += f64::from(program.scalar(self.model.data_loss)) * program.batch() as f64;
            predictions.extend(program.value(self.model.prediction).expect("kept").values());
            first += program.batch();
        }
        let accuracy = match dataset.targets() {
            Targets::Labels { values, .. } => {
                Some(accuracy(&predictions, outputs, values.iter().copied()))
            }
            Targets::Values { .. } => None,
        };
        Evaluation {
            samples: dataset.len(),
            loss: loss_sum / dataset.len() as f64,
            accuracy,
            predictions: Tensor::new([dataset.len(), outputs], predictions),
        }
    }
}

impl Evaluation {
    /// The class with the largest output for each sample.
    pub fn classes(&self) -> impl Iterator<Item = usize> {
        self.predictions.values().chunks_exact(self.predictions.shape()[1].max(1)).map(argmax)
    }
}

/// The share of rows whose largest element is the labelled one.
pub fn accuracy(
    predictions: &[f32],
    outputs: usize,
    labels: impl ExactSizeIterator<Item = u32>,
) -> f64 {
    let n = labels.len();
    let rows = predictions.chunks_exact(outputs.max(1));
    let correct = rows.zip(labels).filter(|(row, label)| argmax(row) == *label as usize).count();
    correct as f64 / n as f64
}

/// The position of the largest element, the first of equals. NaN is never the largest.
pub fn argmax(row: &[f32]) -> usize {
    let best = row.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (i, &value)| {
        if value > best.1 { (i, value) } else { best }
    });
    best.0
}
