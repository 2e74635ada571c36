//! Predictions of a saved model.

use std::sync::Arc;

use graph::op::Tile;
use graph::{Compile, Pool, Program, RunArgs, Tensor};
use kernels::transpose;
use nn::{Model, ModelInputs, ModelSource, NetworkError};

use crate::batch_source::divide;
use crate::saved::SavedModel;

/// Bytes that a prediction may take: pages ask for predictions of models that others made, and must not
/// bring down the process with them.
const MEMORY_LIMIT: usize = 4 << 30;

/// A saved model compiled for prediction, one sample or a batch at a time.
///
/// # Examples
///
/// ```no_run
/// use gradus_runs::{Predictor, SavedModel};
///
/// let saved = SavedModel::read("runs/softmax-1/checkpoints/last.safetensors".as_ref())?;
/// let prediction = saved.experiment.train.loss.prediction();
/// let mut predictor = Predictor::new(saved, 1)?;
/// let blank = [0.0; 784];
/// let probabilities = prediction.probabilities(predictor.predict(&blank));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    saved: SavedModel,
    model: Model<f32>,
    program: Program<f32>,
    pool: Option<Arc<Pool>>,
    predictions: Vec<f32>,
}

impl Predictor {
    /// Compiles the network for `batch` samples at a time.
    ///
    /// # Errors
    ///
    /// If it does not fit in itself.
    ///
    /// # Panics
    ///
    /// For a batch of 0 samples.
    pub fn new(saved: SavedModel, batch: usize) -> Result<Self, NetworkError> {
        Self::compile(saved, batch, false)
    }

    /// As [`new`](Self::new), errors included, and keeps the outputs of all layers: [`activations`](Self::activations).
    pub fn with_activations(saved: SavedModel, batch: usize) -> Result<Self, NetworkError> {
        Self::compile(saved, batch, true)
    }

    fn compile(saved: SavedModel, batch: usize, keeps_layers: bool) -> Result<Self, NetworkError> {
        let model = saved.model()?;
        let mut keep = vec![model.prediction];
        if keeps_layers {
            keep.extend(model.layers.iter().map(|layer| layer.node));
        }
        let options = Compile { batch, keep, memory_limit: MEMORY_LIMIT, ..Compile::default() };
        let program = Program::new(model.graph.clone(), &options)?;
        let predictions = vec![0.0; batch * model.graph.shape(model.prediction).len()];
        Ok(Self { saved, model, program, pool: None, predictions })
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

    /// The outputs of the last layer for each sample: scores of the classes, or values; sample after sample, as
    /// the samples are. Their numbers are as in the dataset, pixels from 0 to 255 for the digits.
    ///
    /// After the first call, nothing is allocated.
    ///
    /// # Panics
    ///
    /// If there are not as many numbers as [`batch`](Self::batch) samples have.
    pub fn predict(&mut self, samples: &[f32]) -> &[f32] {
        let (shape, batch) = (self.model.graph.shape(self.model.input), self.batch());
        let (found, expected) = (samples.len(), batch * shape.len());
        assert_eq!(
            found, expected,
            "{found} numbers: expected {expected}, for {shape} with a batch of {batch}"
        );
        let divisor = self.saved.experiment.data.divisor.unwrap_or(1.0);
        let inputs = ModelInputs {
            model: &self.model,
            source: Samples { samples, divisor },
            running_statistics: &self.saved.running_statistics,
        };
        self.program.run(&RunArgs {
            pool: self.pool.as_deref(),
            parameters: &self.saved.parameters,
            inputs: &inputs,
            ..RunArgs::default()
        });
        self.program.copy_value(self.model.prediction, &mut self.predictions);
        &self.predictions
    }
}

/// Samples without targets, one after the other.
struct Samples<'a> {
    samples: &'a [f32],
    divisor: f32,
}

impl ModelSource<f32> for Samples<'_> {
    fn load_samples(&self, tile: Tile, out: &mut [f32]) {
        let len = out.len() / tile.width;
        let samples = &self.samples[tile.first * len..];
        transpose((samples, len), [tile.valid, len], (out, tile.width));
        tile.repeat_last_sample(out);
        divide(out, self.divisor);
    }

    fn load_targets(&self, _: Tile, _: &mut [f32]) {
        unreachable!("a prediction needs no target");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Experiment;

    fn untrained(model: &str) -> SavedModel {
        let data = "data = { source = 'memory', divisor = 255 }\ntrain = { steps = 1 }";
        let text = format!("{data}\nmodel = {{ {model} }}");
        let experiment = Experiment::parse("untrained.toml", &text).unwrap();
        SavedModel { experiment, parameters: Vec::new(), running_statistics: Vec::new() }
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
            let expected: Vec<f32> =
                samples.chunks(72).flat_map(|sample| one.predict(sample).to_vec()).collect();
            let mut alone = Predictor::new(saved(), batch).unwrap();
            let mut together = Predictor::new(saved(), batch).unwrap().with_pool(pool.clone());
            assert_eq!(alone.predict(&samples), together.predict(&samples), "batch {batch}");
            // Again, since the buffers now hold old values.
            let found = alone.predict(&samples);
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
            let refused = std::panic::catch_unwind(|| {
                Predictor::new(saved(), batch).unwrap().predict(&vec![0.0; len]);
            });
            let message = refused.unwrap_err().downcast::<String>().unwrap();
            let expected = format!("{len} numbers: expected {}, for [N, 6, 6, 2]", batch * 72);
            assert!(message.contains(&expected), "{message}");
        }
    }

    #[test]
    fn activations_of_the_last_layer_are_the_prediction_and_those_of_relu_are_not_negative() {
        let samples = samples(3);
        let mut inside = Predictor::with_activations(saved(), 3).unwrap();
        let predicted = inside.predict(&samples).to_vec();
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
        assert_eq!(outside.predict(&samples), predicted);
    }
}
