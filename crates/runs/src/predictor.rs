//! Predictions of a saved model.

use std::fmt;
use std::sync::Arc;

use data::RowBuffer;
use graph::op::Tile;
use graph::{Compile, MemoryLimit, PackedWeights, Pool, Program, RunArgs, Shape, Tensor};
use kernels::{GatheredSamples, gather_values};
use nn::registry::one_or_more;
use nn::{Model, ModelInputs, ModelSource, NetworkError};

use crate::metrics::accuracy::predicted_class;
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
    saved: SavedModel,
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
    /// Compiles the network for `batch` samples at a time, of which there is at least one.
    ///
    /// # Errors
    ///
    /// If it does not fit in itself.
    pub fn new(saved: SavedModel, batch: usize) -> Result<Self, NetworkError> {
        Self::compile(saved, batch, false)
    }

    /// As [`new`](Self::new), errors included, and keeps the outputs of all layers: [`activations`](Self::activations).
    pub fn with_activations(saved: SavedModel, batch: usize) -> Result<Self, NetworkError> {
        Self::compile(saved, batch, true)
    }

    fn compile(saved: SavedModel, batch: usize, keeps_layers: bool) -> Result<Self, NetworkError> {
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
        let n_features = if saved.transforms.divisor().is_some() { 0 } else { batch };
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
        if transforms.divisor().is_some() {
            return self.predict_features(samples);
        }
        let width = transforms.raw_width();
        self.check_len(samples, &Shape::batch([width]))?;
        let (rows, width) = (samples.chunks_exact(width), transforms.width());
        for (row, features) in rows.zip(self.features.chunks_exact_mut(width)) {
            transforms.encode_numbers(row, &mut self.buffer, features);
        }
        let features = std::mem::take(&mut self.features);
        self.run(&features);
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
        self.run(samples);
        Ok(&self.predictions)
    }

    fn check_len(&self, samples: &[f32], shape: &Shape) -> Result<(), SampleMismatch> {
        let batch = self.batch();
        let (found, expected) = (samples.len(), batch * shape.len());
        match found == expected {
            true => Ok(()),
            false => Err(SampleMismatch { found, expected, shape: shape.clone(), batch }),
        }
    }

    fn run(&mut self, samples: &[f32]) {
        let transforms = &self.saved.transforms;
        let divisor = transforms.divisor().unwrap_or(1.0);
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
        Ok(rows.map(|row| self.classification(row)).collect())
    }

    fn classification(&self, row: &[f32]) -> Classification {
        let SavedModel { experiment, transforms, .. } = &self.saved;
        let class = predicted_class(row);
        let probabilities = experiment.train.loss.prediction().probabilities(row);
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

#[cfg(test)]
mod tests {
    use data::{Dataset, Features, Targets};

    use super::*;
    use crate::Experiment;
    use crate::testing::of_bytes;

    fn untrained(model: &str) -> SavedModel {
        let text = format!("data.source = 'memory'\ntrain.steps = 1\nmodel = {{ {model} }}");
        let experiment = Experiment::parse("untrained.toml", &text).unwrap();
        let transforms = of_bytes(&experiment.model.input, experiment.model.outputs().unwrap());
        let (parameters, running_statistics) = (Vec::new(), Vec::new());
        SavedModel { experiment, transforms, parameters, running_statistics }
    }

    /// Weights of a first step, and running statistics that are not those before it.
    fn saved() -> SavedModel {
        let mut saved = untrained(
            "input = [6, 6, 2], layers = [{ kind = 'conv2d', filters = 3, kernel = 3 }, { kind = 'batch_norm' }, 'relu', \
            'flatten', { kind = 'linear', units = 4 }]",
        );
        saved.running_statistics = vec![0.1, -0.2, 0.3, 0.5, 1.5, 2.5];
        saved.parameters = saved.model().unwrap().initial_parameters(1);
        saved
    }

    fn samples(n: usize) -> Vec<f32> {
        (0..n * 72).map(|i| (i * 37 % 256) as f32).collect()
    }

    #[test]
    fn a_batch_is_answered_as_one_by_one() {
        let pool = Arc::new(Pool::new(2));
        for batch in [1, 5, 100] {
            let samples = samples(batch);
            let mut one = Predictor::new(saved(), 1).unwrap();
            let expected: Vec<f32> = samples
                .chunks(72)
                .flat_map(|sample| one.predict(sample).unwrap().to_vec())
                .collect();
            let mut alone = Predictor::new(saved(), batch).unwrap();
            let mut together = Predictor::new(saved(), batch).unwrap().with_pool(pool.clone());
            assert_eq!(alone.predict(&samples), together.predict(&samples), "batch {batch}");
            assert_eq!(alone.classify_all(&samples).unwrap().len(), batch);
            // Again, since the buffers now hold old values.
            let found = alone.predict(&samples).unwrap();
            assert_eq!((found.len(), expected.len()), (4 * batch, 4 * batch));
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error < 1e-5, "batch {batch}, {i}: expected {expected}, found {found}");
            }
        }
    }

    #[test]
    fn a_model_that_no_memory_holds_is_refused() {
        // 2³⁰ numbers in each layer, from a model of less than 1 MB.
        let saved = untrained(
            "input = [256, 256, 1], layers = [{ kind = 'conv2d', filters = 16384, kernel = 3, padding = 'same' }, \
            { kind = 'max_pool2d', size = 256 }, 'flatten', { kind = 'linear', units = 3 }]",
        );
        let error = Predictor::new(saved, 1).unwrap_err().to_string();
        assert!(error.starts_with("1.conv2d: conv2d [N, 256, 256, 16384]"), "{error}");
    }

    #[test]
    fn samples_of_another_length_are_refused() {
        for (batch, len) in [(1, 71), (1, 144), (5, 72), (5, 0)] {
            let mut predictor = Predictor::new(saved(), batch).unwrap();
            let message = predictor.predict(&vec![0.0; len]).unwrap_err().to_string();
            let expected = format!("{len} numbers: expected {}, for [N, 6, 6, 2]", batch * 72);
            assert!(message.starts_with(&expected), "{message}");
        }
        let other = SavedModel { transforms: of_bytes(&[5], 4), ..saved() };
        let message = Predictor::new(other, 1).unwrap_err().to_string();
        assert_eq!(message, "transforms: expected 72 features, found 5");
        let message = Predictor::new(saved(), 0).unwrap_err().to_string();
        assert_eq!(message, "batch: expected 1 or more, found 0");
        let two = Predictor::new(saved(), 2).unwrap().classify(&[0_u8; 144]).unwrap_err();
        assert_eq!(two.expected, 72, "one sample at a time");
    }

    #[test]
    fn a_sample_gets_the_name_and_the_probability_of_its_class() {
        let mut saved = saved();
        let bytes: Vec<u8> = samples(1).iter().map(|&value| value as u8).collect();
        let scores = saved.clone().predictor().unwrap().predict(&samples(1)).unwrap().to_vec();
        let found = saved.clone().predictor().unwrap().classify(&bytes).unwrap();
        assert_eq!(
            (found.class, &found.name),
            (predicted_class(&scores), &found.class.to_string())
        );
        let probability = found.probability.unwrap();
        assert!((0.25..=1.0).contains(&probability), "{probability}");
        assert_eq!(found.to_string(), format!("{} ({probability:.2})", found.class));
        let names = ["cat", "dog", "cow", "hen"].map(String::from);
        let named = (*saved.transforms).clone().with_class_names(names.to_vec()).unwrap();
        saved.transforms = Arc::new(named);
        saved.experiment.train.loss = nn::losses::hinge::Hinge {}.into();
        let named = saved.predictor().unwrap().classify(&bytes).unwrap();
        assert_eq!((named.to_string(), named.probability), (names[found.class].clone(), None));
    }

    #[test]
    fn numbers_go_through_the_transforms_and_values_come_back_in_their_unit() {
        let text = "data.source = 'memory'\ntrain = { steps = 1, loss = 'mean_squared_error' }\n\
            model = { input = [2], layers = [{ kind = 'linear', units = 1 }] }";
        let experiment = Experiment::parse("line.toml", text).unwrap();
        let samples = Features::F32(vec![1.0, 50.0, 3.0, 90.0]);
        let targets = Targets::Values { values: vec![1000.0, 3000.0], width: 1 };
        let set = Dataset::new("line", [2], samples, targets).unwrap();
        let plan: data::TransformPlan =
            toml::from_str("arrays = [{ kind = 'standardize' }]").unwrap();
        let transforms = Arc::new(plan.fit_dataset(&set).unwrap());
        // The sum of both features.
        let (parameters, running_statistics) = (vec![1.0, 1.0, 0.0], Vec::new());
        let encoded = transforms.encode_dataset(set).unwrap();
        let saved = SavedModel { experiment, transforms, parameters, running_statistics };
        let mut predictor = Predictor::new(saved, 2).unwrap();
        let of_numbers = predictor.predict(&[1.0, 50.0, 3.0, 110.0]).unwrap().to_vec();
        // −1 − 1 and 1 + 2, of 2000 ± 1000.
        assert_eq!(of_numbers, [0.0, 5000.0]);
        let Some(Features::F32(features)) = encoded.features() else { panic!("bytes") };
        assert_eq!(predictor.predict_features(features).unwrap(), [0.0, 4000.0]);
    }

    #[test]
    fn activations_of_the_last_layer_are_the_prediction_and_those_of_relu_are_not_negative() {
        let samples = samples(3);
        let mut inside = Predictor::with_activations(saved(), 3).unwrap();
        let predicted = inside.predict(&samples).unwrap().to_vec();
        let names: Vec<_> = inside.model().layers.iter().map(|layer| layer.kind).collect();
        assert_eq!(names, ["conv2d", "batch_norm", "relu", "flatten", "linear"]);
        let layer = |i| inside.activations(i).unwrap();
        assert_eq!(layer(4).values(), predicted);
        assert_eq!((layer(0).shape(), layer(3).shape()), (&[3, 4, 4, 3][..], &[3, 48][..]));
        assert!(layer(2).values().iter().all(|&value| value >= 0.0));
        let relu: Vec<f32> = layer(1).values().iter().map(|value| value.max(0.0)).collect();
        assert_eq!(layer(2).values(), relu);
        assert!(inside.activations(5).is_none());
        let mut outside = Predictor::new(saved(), 3).unwrap();
        assert_eq!(outside.predict(&samples).unwrap(), predicted);
    }
}
