//! Predictions of a saved model.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use data::{CellValue, DataError, FittedTarget, RowBuffer};
use graph::op::Tile;
use graph::{Compile, MemoryLimit, PackedWeights, Pool, Program, RunArgs, Shape, Tensor};
use kernels::{GatheredSamples, gather_values};
use nn::registry::one_or_more;
use nn::{Model, ModelInputs, ModelSource, NetworkError};

use crate::metrics::accuracy::{class_scores, predicted_class};
use crate::saved::SavedModel;

/// Bytes that a prediction may take: pages ask for predictions of models that others made, and must not
/// bring down the process with them.
const MEMORY_LIMIT: usize = 4 << 30;

/// A saved model compiled for prediction, one sample or a batch at a time.
///
/// # Examples
///
/// ```no_run
/// use gradus_runs::SavedModel;
///
/// let mut predictor = SavedModel::read("runs/softmax-1")?.predictor()?;
/// let blank = [0_u8; 784];
/// let digit = predictor.classify(&blank)?;
/// println!("{digit}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    saved: Arc<SavedModel>,
    model: Model<f32>,
    program: Program<f32>,
    pool: Option<Arc<Pool>>,
    /// For a batch: of one sample the weights are read as they are.
    packed: Option<PackedWeights<f32>>,
    predictions: Vec<f32>,
    /// The features of a batch, where they are not numbers of the samples.
    features: Vec<f32>,
    buffer: RowBuffer,
    /// The numbers of the samples of a batch.
    numbers: Vec<u32>,
}

/// The class that a model predicts for a sample. Displayed as `7 (0.98)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// Its number.
    pub class: usize,
    /// Its name: [`data::FittedTransforms::class_name`].
    pub name: String,
    /// Its probability, in `0..=1`; none if the loss of the model defines no probabilities.
    pub probability: Option<f64>,
}

impl fmt::Display for Classification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probability = self.probability.map(|probability| format!(" ({probability:.2})"));
        write!(f, "{}{}", self.name, probability.unwrap_or_default())
    }
}

/// What a model predicts for a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowPrediction {
    /// A class.
    Class {
        /// The predicted one.
        best: Classification,
        /// Of each class its probability or, if the loss of the model defines no probabilities, its score.
        scores: Vec<f64>,
    },
    /// Values in the unit of the target.
    Values(Vec<f32>),
}

/// Samples of another size than a predictor was compiled for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} numbers: expected {expected}, for {shape} with a batch of {batch}")]
pub struct SampleMismatch {
    /// Numbers of all samples.
    pub found: usize,
    /// Numbers of a batch.
    pub expected: usize,
    /// The shape of the input of the network or, where rows have other numbers than features, of these.
    pub shape: Shape,
    /// Samples at a time.
    pub batch: usize,
}

impl SavedModel {
    /// Compiles the network for one sample at a time.
    ///
    /// # Errors
    ///
    /// If it does not fit in itself.
    pub fn predictor(self) -> Result<Predictor, NetworkError> {
        Predictor::new(self, 1)
    }
}

impl Predictor {
    /// Compiles the network for `batch` samples at a time, of which there is at least one. Predictors can share a model.
    ///
    /// # Errors
    ///
    /// If it does not fit in itself.
    pub fn new(saved: impl Into<Arc<SavedModel>>, batch: usize) -> Result<Self, NetworkError> {
        Self::compile(saved.into(), batch, false)
    }

    /// As [`new`](Self::new), errors included, and keeps the outputs of all layers: [`activations`](Self::activations).
    pub fn with_activations(
        saved: impl Into<Arc<SavedModel>>,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        Self::compile(saved.into(), batch, true)
    }

    fn compile(
        saved: Arc<SavedModel>,
        batch: usize,
        keeps_layers: bool,
    ) -> Result<Self, NetworkError> {
        one_or_more("batch", &(batch as u64))?;
        let model = saved.model()?;
        saved.check_transforms(&model)?;
        let mut keep = vec![model.prediction];
        if keeps_layers {
            keep.extend(model.layers.iter().map(|layer| layer.node));
        }
        let memory = MemoryLimit { bytes: MEMORY_LIMIT, ..MemoryLimit::default() };
        let options = Compile { batch, keep, memory, ..Compile::default() };
        let program = Program::new(model.graph.clone(), &options)?;
        let predictions = vec![0.0; batch * model.graph.shape(model.prediction).len()];
        let n_features = if saved.transforms.stores_rows() { 0 } else { batch };
        Ok(Self {
            features: vec![0.0; n_features * saved.transforms.width()],
            buffer: RowBuffer::default(),
            numbers: (0..batch as u32).collect(),
            pool: None,
            packed: (batch > 1).then(|| program.pack(&saved.parameters)),
            saved,
            model,
            program,
            predictions,
        })
    }

    /// Predicts on the threads of `pool`, which is worth it for a large batch.
    #[must_use]
    pub fn with_pool(mut self, pool: Arc<Pool>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The saved model.
    pub fn saved(&self) -> &SavedModel {
        &self.saved
    }

    /// Samples at a time.
    pub fn batch(&self) -> usize {
        self.program.batch()
    }

    /// The graph for evaluation.
    pub fn model(&self) -> &Model<f32> {
        &self.model
    }

    /// The outputs of a layer, counted from 0, for the samples of the last prediction; `None` unless the network was
    /// compiled [with activations](Self::with_activations).
    pub fn activations(&self, layer: usize) -> Option<Tensor<f32>> {
        self.program.value(self.model.layers.get(layer)?.node)
    }

    /// The outputs of the last layer for each sample: scores of the classes, or values in the unit of the target; sample
    /// after sample, as the samples are. Their numbers are those of the data, before any transform, pixels from 0 to 255 for
    /// the digits: see [`data::FittedTransforms::encode_numbers`].
    ///
    /// After the first call, nothing is allocated.
    ///
    /// # Errors
    ///
    /// If there are not as many numbers as [`batch`](Self::batch) samples have.
    pub fn predict(&mut self, samples: &[f32]) -> Result<&[f32], SampleMismatch> {
        let transforms = &*self.saved.transforms;
        if transforms.stores_rows() {
            return self.predict_features(samples);
        }
        let width = transforms.raw_width();
        self.check_len(samples, &Shape::batch([width]))?;
        let (rows, width) = (samples.chunks_exact(width), transforms.width());
        for (row, features) in rows.zip(self.features.chunks_exact_mut(width)) {
            transforms.encode_numbers(row, &mut self.buffer, features);
        }
        let features = std::mem::take(&mut self.features);
        self.run(&features, 1.0);
        self.features = features;
        Ok(&self.predictions)
    }

    /// As [`predict`](Self::predict), of samples whose numbers are those of a [`Dataset`](data::Dataset) that the transforms
    /// of the model have made.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn predict_features(&mut self, samples: &[f32]) -> Result<&[f32], SampleMismatch> {
        self.check_len(samples, self.model.graph.shape(self.model.input))?;
        self.run(samples, self.saved.transforms.divisor().unwrap_or(1.0));
        Ok(&self.predictions)
    }

    /// Predictions for at most [`batch`](Self::batch) samples whose numbers are as those of
    /// [`predict_features`](Self::predict_features).
    ///
    /// # Errors
    ///
    /// If these are not whole samples, or too many.
    pub fn predict_samples(
        &mut self,
        samples: &[f32],
    ) -> Result<Vec<RowPrediction>, SampleMismatch> {
        let shape = self.model.graph.shape(self.model.input);
        let (width, whole) = (shape.len(), self.batch() * shape.len());
        if samples.len() > whole || !samples.len().is_multiple_of(width) {
            self.check_len(samples, shape)?;
        }
        let rows = samples.len() / width;
        // Rows of a batch do not depend on each other.
        let mut filled = samples.to_vec();
        filled.resize(whole, 0.0);
        self.run(&filled, self.saved.transforms.divisor().unwrap_or(1.0));
        let outputs = self.predictions.len() / self.batch();
        let rows = self.predictions.chunks_exact(outputs.max(1)).take(rows);
        Ok(rows.map(|row| self.row_prediction(row)).collect())
    }

    /// The prediction for a row that is given by the names of its columns, in any order, before any transform: numbers,
    /// categories as texts, what is missing as [`CellValue::Missing`]. Other columns are left out.
    ///
    /// # Errors
    ///
    /// The first column that is not given, or has cells of another form.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gradus_runs::{RowPrediction, SavedModel};
    ///
    /// let mut predictor = SavedModel::read("runs/flats-1")?.predictor()?;
    /// let flat = [("area", 54.5.into()), ("district", "north".into()), ("floor", None::<f64>.into())];
    /// match predictor.predict_row(flat)? {
    ///     RowPrediction::Values(values) => println!("{}", values[0]),
    ///     RowPrediction::Class { best, .. } => println!("{best}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn predict_row<'a>(
        &mut self,
        row: impl IntoIterator<Item = (&'a str, CellValue<'a>)>,
    ) -> Result<RowPrediction, DataError> {
        let transforms = &self.saved.transforms;
        let (features, _) = transforms.encode_rows(&transforms.row(row)?, &[0])?;
        let mut rows =
            self.predict_samples(&features.into_reals()).expect("checked when it was compiled");
        Ok(rows.remove(0))
    }

    fn row_prediction(&self, row: &[f32]) -> RowPrediction {
        let SavedModel { experiment, transforms, .. } = &*self.saved;
        match transforms.target() {
            Some(FittedTarget::Classes { .. }) => {
                let probabilities = experiment.train.loss.prediction().probabilities(row);
                let best = self.classification(row, probabilities.as_deref());
                let scores = probabilities
                    .unwrap_or_else(|| class_scores(row).into_iter().map(f64::from).collect());
                RowPrediction::Class { best, scores }
            }
            _ => RowPrediction::Values(row.to_vec()),
        }
    }

    fn check_len(&self, samples: &[f32], shape: &Shape) -> Result<(), SampleMismatch> {
        let batch = self.batch();
        let (found, expected) = (samples.len(), batch * shape.len());
        match found == expected {
            true => Ok(()),
            false => Err(SampleMismatch { found, expected, shape: shape.clone(), batch }),
        }
    }

    fn run(&mut self, samples: &[f32], divisor: f32) {
        let transforms = &self.saved.transforms;
        let inputs = ModelInputs {
            model: &self.model,
            source: Samples { samples, numbers: &self.numbers, divisor },
            running_statistics: &self.saved.running_statistics,
        };
        self.program.run(&RunArgs {
            pool: self.pool.as_deref(),
            parameters: &self.saved.parameters,
            packed: self.packed.as_ref(),
            inputs: &inputs,
            ..RunArgs::default()
        });
        self.program.copy_value(self.model.prediction, &mut self.predictions);
        let target = transforms.target().filter(|target| !target.scales().is_empty());
        if let Some(target) = target {
            for row in self.predictions.chunks_exact_mut(target.width()) {
                let outputs = row.iter_mut().enumerate();
                outputs.for_each(|(i, output)| *output = target.value(i, *output) as f32);
            }
        }
    }

    /// The class of the sample, if the network was compiled for one at a time. Its numbers are as in the dataset: bytes
    /// or real numbers.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn classify<V>(&mut self, sample: &[V]) -> Result<Classification, SampleMismatch>
    where
        V: Copy + Into<f32>,
    {
        let mut classes = self.classify_all(sample)?;
        let (shape, batch) = (self.model.graph.shape(self.model.input), self.batch());
        let mismatch = || SampleMismatch {
            found: sample.len(),
            expected: shape.len(),
            shape: shape.clone(),
            batch,
        };
        classes.pop().filter(|_| classes.is_empty()).ok_or_else(mismatch)
    }

    /// The class of each sample of a batch, sample after sample.
    ///
    /// # Errors
    ///
    /// As [`predict`](Self::predict).
    pub fn classify_all<V>(&mut self, samples: &[V]) -> Result<Vec<Classification>, SampleMismatch>
    where
        V: Copy + Into<f32>,
    {
        let samples: Vec<f32> = samples.iter().map(|&value| value.into()).collect();
        self.predict(&samples)?;
        let outputs = self.predictions.len() / self.batch();
        let rows = self.predictions.chunks_exact(outputs.max(1));
        let meaning = self.saved.experiment.train.loss.prediction();
        let classes =
            rows.map(|row| self.classification(row, meaning.probabilities(row).as_deref()));
        Ok(classes.collect())
    }

    fn classification(&self, row: &[f32], probabilities: Option<&[f64]>) -> Classification {
        let transforms = &self.saved.transforms;
        let class = predicted_class(row);
        let probability = probabilities.and_then(|all| all.get(class).copied());
        Classification { class, name: transforms.class_name(class), probability }
    }
}

/// Samples without targets, one after the other.
struct Samples<'a> {
    samples: &'a [f32],
    /// From 0 on.
    numbers: &'a [u32],
    divisor: f32,
}

impl ModelSource<f32> for Samples<'_> {
    fn load_samples(&self, tile: Tile, out: &mut [f32]) {
        let Tile { first, valid, width, .. } = tile;
        let (values, indices) = (self.samples, &self.numbers[first..first + valid]);
        let samples = GatheredSamples { values, indices, len: out.len() / width, width };
        gather_values(samples, self.divisor, out);
    }

    fn load_targets(&self, _: Tile, _: &mut [f32]) {
        unreachable!("a prediction needs no target");
    }
}
