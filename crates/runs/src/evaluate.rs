//! Evaluation of a network on a dataset.

use std::collections::BTreeSet;
use std::iter;
use std::ops::Range;
use std::sync::Arc;

use data::{Dataset, FittedTarget};
use events::Metrics;
use graph::{Compile, CompileError, MemoryLimit, Pool, ProcessGroup, Program, RunArgs, Tensor};
use nn::losses::Prediction;
use nn::{Mode, Model, ModelInputs, NetworkError};

use crate::batch_source::BatchSource;
use crate::experiment::Experiment;
use crate::metrics::accuracy::predicted_class;
use crate::metrics::{ClassProbabilities, MetricSums};
use crate::saved::SavedModel;

/// Samples that go through the network together, as far as [`PROGRAM_BYTES`] has space for them.
const BATCH: usize = 1000;
/// Bytes above which a program gets fewer samples than [`BATCH`].
const PROGRAM_BYTES: usize = 96 << 20;

/// The metrics and predictions of a network on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The metrics over all samples: the mean data loss, and those that apply to the targets.
    pub metrics: Metrics,
    /// The output of the last layer for each sample, row by row: values as the network is trained on them, see
    /// [`FittedTarget::value`].
    pub predictions: Tensor<f32>,
    /// Their meaning, which the loss states.
    pub meaning: Prediction,
    /// What predicted values are multiplied by to be in the unit of the target, [`FittedTarget::scales`].
    pub scales: Vec<f64>,
    /// The probability from which on the second of two classes is predicted; the more probable class is if none is set.
    pub threshold: Option<f64>,
}

/// A network compiled for evaluation.
#[derive(Debug)]
pub struct Evaluator {
    model: Model<f32>,
    /// For whole batches, and for what is left after the last of them; the largest first.
    programs: Vec<Program<f32>>,
    /// Samples of a whole batch.
    batch: usize,
    indices: Vec<u32>,
    /// The processes that evaluate some of the batches each.
    group: Option<Arc<dyn ProcessGroup>>,
}

impl Evaluator {
    /// Compiles the network of `experiment` for evaluation on `dataset`, or another one of its size and kind.
    ///
    /// # Errors
    ///
    /// If the network does not fit, in itself, to the dataset's targets or into memory.
    pub fn new(experiment: &Experiment, dataset: &Dataset) -> Result<Self, NetworkError> {
        Self::for_all(experiment, &[dataset], MemoryLimit::default())
    }

    /// As [`new`](Self::new), errors included, for several datasets, at least one, and with another memory limit, which
    /// the predictions for the largest count towards.
    ///
    /// # Panics
    ///
    /// Without a dataset.
    pub fn for_all(
        experiment: &Experiment,
        datasets: &[&Dataset],
        mut memory: MemoryLimit,
    ) -> Result<Self, NetworkError> {
        let models = datasets.iter().map(|dataset| experiment.model_for(Mode::Evaluate, dataset));
        let mut models = models.collect::<Result<Vec<Model<f32>>, _>>()?;
        let model = models.swap_remove(0);
        let graph = Arc::new(model.graph.clone());
        let outputs = graph.shape(model.prediction).len();
        let largest = datasets.iter().map(|dataset| dataset.len()).max().unwrap_or(0);
        let of_predictions = largest.saturating_mul(outputs).saturating_mul(size_of::<f32>());
        memory.reserved = memory.reserved.saturating_add(of_predictions);
        let program = |batch, memory| {
            let keep = vec![model.prediction, model.data_loss];
            let options = Compile { batch, keep, memory, ..Compile::default() };
            Program::new(Arc::clone(&graph), &options)
        };
        let mut batch = largest.clamp(1, BATCH);
        let bounded = MemoryLimit { bytes: PROGRAM_BYTES, reserved: 0, ..memory };
        if let Err(CompileError::Memory { bytes, .. }) = program(batch, bounded) {
            batch = (batch * (PROGRAM_BYTES >> 10) / (bytes >> 10)).max(1);
        }
        let sizes = datasets.iter().flat_map(|set| [set.len().min(batch), set.len() % batch]);
        // Datasets share the programs of whole batches.
        let sizes: BTreeSet<usize> = sizes.filter(|&batch| batch > 0).collect();
        let programs = sizes.into_iter().rev().map(|batch| {
            let program = program(batch, memory)?;
            memory.reserved += program.bytes();
            Ok::<_, CompileError>(program)
        });
        Ok(Self {
            programs: programs.collect::<Result<_, _>>()?,
            batch,
            indices: (0..largest as u32).collect(),
            group: None,
            model,
        })
    }

    /// Shares the batches of each evaluation with the other processes of a group, which evaluate the same together.
    pub fn share_with(&mut self, group: Arc<dyn ProcessGroup>) {
        self.group = Some(group);
    }

    /// Evaluates `saved` on all samples of `dataset`, which is of a size the evaluator was made for.
    pub fn evaluate(
        &mut self,
        pool: Option<&Pool>,
        dataset: &Dataset,
        saved: &SavedModel,
    ) -> Evaluation {
        self.evaluate_unless(pool, dataset, saved, &mut || false).expect("nobody gives it up")
    }

    /// As [`evaluate`](Self::evaluate), but gives up, between two batches, as soon as `is_given_up` says so. Processes that
    /// share the batches never give up.
    pub fn evaluate_unless(
        &mut self,
        pool: Option<&Pool>,
        dataset: &Dataset,
        saved: &SavedModel,
        is_given_up: &mut dyn FnMut() -> bool,
    ) -> Option<Evaluation> {
        let outputs = self.model.graph.shape(self.model.prediction).len();
        let mut predictions = vec![0.0; dataset.len() * outputs];
        let scales = saved.transforms.target().map_or(&[][..], FittedTarget::scales);
        let (mut loss_sum, mut sums) = (0.0, MetricSums::new(dataset.targets(), scales));
        let losses = self.predict(pool, dataset, saved, &mut predictions, is_given_up)?;
        let of_batches = predictions.chunks(self.batch * outputs);
        let indices = self.indices[..dataset.len()].chunks(self.batch);
        for ((indices, predictions), loss) in indices.zip(of_batches).zip(losses) {
            loss_sum += f64::from(loss) * indices.len() as f64;
            sums.add(predictions, dataset.targets(), indices);
        }
        let loss = loss_sum / dataset.len() as f64;
        Some(Evaluation {
            metrics: sums.metrics(loss, dataset.len()),
            predictions: Tensor::new([dataset.len(), outputs], predictions),
            meaning: saved.experiment.train.loss.prediction(),
            scales: scales.to_vec(),
            threshold: None,
        })
    }

    /// The outputs for each sample, row by row, and the mean loss of each batch; none if it was given up.
    fn predict(
        &mut self,
        pool: Option<&Pool>,
        dataset: &Dataset,
        saved: &SavedModel,
        predictions: &mut [f32],
        is_given_up: &mut dyn FnMut() -> bool,
    ) -> Option<Vec<f32>> {
        let len = self.model.graph.shape(self.model.prediction).len() * self.batch;
        let mut losses = vec![0.0; dataset.len().div_ceil(self.batch)];
        let (rank, shares) = match &self.group {
            None => (0, iter::once(0..losses.len()).collect()),
            Some(group) => (group.rank(), group.shares(losses.len())),
        };
        let of_batches = predictions.chunks_mut(len).zip(&mut losses);
        let batches = of_batches.zip(self.indices[..dataset.len()].chunks(self.batch));
        let Range { start, end } = shares[rank];
        for (number, ((predictions, loss), indices)) in batches.take(end).enumerate().skip(start) {
            if number > 0 && self.group.is_none() && is_given_up() {
                return None;
            }
            let mut programs = self.programs.iter_mut();
            let program = programs.find(|program| program.batch() == indices.len());
            let program = program.expect("made for batches of this size");
            let inputs = ModelInputs {
                model: &self.model,
                source: BatchSource { dataset, indices, next: &[], augment: None },
                running_statistics: &saved.running_statistics,
            };
            let parameters = &saved.parameters[..];
            program.run(&RunArgs { pool, parameters, inputs: &inputs, ..RunArgs::default() });
            *loss = program.scalar(self.model.data_loss);
            program.copy_value(self.model.prediction, predictions);
        }
        if let Some(group) = &self.group {
            let at = |batch: usize| (batch * len).min(predictions.len());
            let parts: Vec<_> = shares.iter().map(|own| at(own.start)..at(own.end)).collect();
            group.all_gather(predictions, &parts);
            group.all_gather(&mut losses, &shares);
        }
        Some(losses)
    }
}

impl Evaluation {
    /// The outputs for each sample.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.predictions.values().chunks_exact(self.predictions.shape()[1].max(1))
    }

    /// The predicted class of each sample.
    ///
    /// # Panics
    ///
    /// If there is a threshold, and not two probabilities for each sample.
    pub fn classes(&self) -> impl Iterator<Item = usize> {
        let outputs = self.predictions.values();
        let probabilities = self.threshold.map(|threshold| {
            let samples = self.predictions.shape()[0];
            let all = ClassProbabilities::new(outputs, samples, 2, self.meaning);
            (threshold, all.expect("two probabilities"))
        });
        self.rows().enumerate().map(move |(sample, row)| match &probabilities {
            Some((threshold, all)) => usize::from(all.of(sample, 1) >= *threshold),
            None => predicted_class(row),
        })
    }
}
