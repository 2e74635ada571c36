//! Evaluation of a network on a dataset.

use data::Dataset;
use events::Metrics;
use graph::{Compile, Pool, Program, RunArgs, Tensor};
use nn::{Mode, Model, Network, NetworkError, Objective};

use crate::batch_source::BatchSource;
use crate::metrics::MetricSums;
use crate::metrics::accuracy::predicted_class;
use crate::sizes::{outputs_of, statistics_starts, target_shape};

/// Samples that go through the network together.
const BATCH: usize = 1000;

/// The metrics and predictions of a network on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Samples of the dataset.
    pub samples: usize,
    /// The metrics over all samples: the mean data loss, and those that apply to the targets.
    pub metrics: Metrics,
    /// The output of the last layer for each sample, row by row.
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
    /// If the network does not fit, in itself, to the dataset's targets or into memory.
    pub fn new(
        network: &Network,
        objective: &Objective,
        dataset: &Dataset,
        divisor: f32,
    ) -> Result<Self, NetworkError> {
        let (outputs, target) = (outputs_of(dataset), target_shape(dataset));
        let model = network.model_with_target(Mode::Evaluate, objective, outputs, target)?;
        let graph = std::sync::Arc::new(model.graph.clone());
        let sizes = [dataset.len().min(BATCH), dataset.len() % BATCH];
        let wanted = if dataset.len() > BATCH { &sizes[..] } else { &sizes[..1] };
        let compile = |&batch: &usize| {
            let keep = vec![model.prediction, model.data_loss];
            let options = Compile { batch, keep, ..Compile::default() };
            Program::new(std::sync::Arc::clone(&graph), &options)
        };
        let programs = wanted.iter().filter(|&&batch| batch > 0).map(compile);
        let programs = programs.collect::<Result<_, _>>()?;
        let statistics_starts = statistics_starts(&model.running_statistics);
        Ok(Self { model, programs, divisor, statistics_starts, indices: Vec::new() })
    }

    /// The graph for evaluation.
    pub fn model(&self) -> &Model<f32> {
        &self.model
    }

    /// Evaluates on all samples of `dataset`, which is of the size the evaluator was made for.
    pub fn evaluate(
        &mut self,
        pool: Option<&Pool>,
        dataset: &Dataset,
        parameters: &[f32],
        running_statistics: &[f32],
    ) -> Evaluation {
        let outputs = outputs_of(dataset);
        let mut predictions = Vec::with_capacity(dataset.len() * outputs);
        let (mut loss_sum, mut sums) = (0.0, MetricSums::default());
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
            let value = program.value(self.model.prediction).expect("kept");
            sums.add(value.values(), dataset.targets(), &self.indices);
            predictions.extend(value.values());
            first += program.batch();
        }
        let loss = loss_sum / dataset.len() as f64;
        Evaluation {
            samples: dataset.len(),
            metrics: sums.metrics(loss, dataset.targets(), dataset.len()),
            predictions: Tensor::new([dataset.len(), outputs], predictions),
        }
    }
}

impl Evaluation {
    /// The predicted class of each sample.
    pub fn classes(&self) -> impl Iterator<Item = usize> {
        let outputs = self.predictions.shape()[1].max(1);
        self.predictions.values().chunks_exact(outputs).map(predicted_class)
    }
}
