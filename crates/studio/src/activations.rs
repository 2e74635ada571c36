//! The activations of a model, layer by layer.

use std::sync::{Arc, Mutex};

use data::Dataset;
use nn::LayerSummary;
use nn::layers::Activation;
use runs::{Predictor, SavedModel, class_scores};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::RunError;
use crate::live::ModelAtStep;
use crate::lock;

/// Activations in an answer.
const MAX_ACTIVATIONS: usize = 1 << 22;
/// Samples over which the statistics are taken.
const SAMPLES: usize = 100;
/// A value within this fraction of the range from one of its layer's limits has almost no gradient.
const SATURATED: f32 = 0.02;

/// The predictors used last, for one sample and for several at a time: a page uses the same one again and again.
#[derive(Debug, Default)]
pub(crate) struct PredictorCache {
    one: PredictorSlot,
    several: PredictorSlot,
}

/// A predictor and the model that it was made of.
type PredictorSlot = Mutex<Option<(Arc<SavedModel>, Predictor)>>;

/// Statistics of the activations of a layer over some samples.
#[derive(Debug, Serialize)]
pub(crate) struct LayerStatistics {
    path: String,
    /// The minimum, the six inner 1/7 quantiles and the maximum.
    edges: [f32; 8],
    /// Channels or units.
    units: usize,
    /// Those that are dead, of layers whose units can be.
    dead: Option<usize>,
    /// The fraction of saturated values, of layers that can saturate.
    saturated: Option<f64>,
}

impl PredictorCache {
    /// The activations of a model for `sample`, layer after layer, and as JSON the step, the shapes, and the scores of
    /// the classes (or the values) with their probabilities.
    pub(crate) fn activations(
        &self,
        model: &ModelAtStep,
        sample: &[f32],
    ) -> Result<(Value, Vec<f32>), RunError> {
        let ModelAtStep { step, model } = model;
        check_size(model, sample.len())?;
        let layers = model.model()?;
        let lens = layers.layers.iter().map(|layer| layers.graph.shape(layer.node).len());
        let found = lens.fold(0_usize, usize::saturating_add);
        if found > MAX_ACTIVATIONS {
            return Err(RunError::Activations { most: MAX_ACTIVATIONS, found });
        }
        predict(&self.one, model, 1, sample, |predictor, outputs| {
            let loss = &model.experiment.train.loss;
            let probabilities = loss.prediction().probabilities(outputs);
            let is_binary = loss.classes(outputs.len()) > outputs.len();
            let scores = if is_binary { class_scores(outputs) } else { outputs.to_vec() };
            let (mut layers, mut values) = (Vec::new(), Vec::new());
            for layer in (0..).map_while(|layer| predictor.activations(layer)) {
                layers.push(layer.shape()[1..].to_vec());
                values.extend(layer.values());
            }
            let about = json!({
                "step": step, "scores": scores, "probabilities": probabilities, "layers": layers,
            });
            (about, values)
        })
    }

    /// Statistics of the activations of each layer over the first samples of `set`.
    pub(crate) fn statistics(
        &self,
        model: &ModelAtStep,
        set: &Dataset,
    ) -> Result<Vec<LayerStatistics>, RunError> {
        let n = SAMPLES.min(set.len());
        check_size(&model.model, if n == 0 { 0 } else { set.sample_len() })?;
        let samples: Vec<f32> = (0..n).filter_map(|i| set.sample(i)).flatten().collect();
        predict(&self.several, &model.model, n, &samples, |predictor, _| {
            let layers = predictor.model().layers.iter().enumerate();
            let statistics = layers.filter_map(|(i, layer)| {
                let values = predictor.activations(i)?;
                let units = values.shape().last().copied().unwrap_or(1).max(1);
                Some(layer_statistics(layer, values.values(), units))
            });
            statistics.collect()
        })
    }
}

fn check_size(model: &SavedModel, found: usize) -> Result<(), RunError> {
    let expected: usize = model.experiment.model.input.iter().product();
    if found == expected { Ok(()) } else { Err(RunError::SampleSize { expected, found }) }
}

/// What `read` makes of a prediction, with the predictor in a slot if it is of the same model and batch.
fn predict<T>(
    slot: &PredictorSlot,
    model: &Arc<SavedModel>,
    batch: usize,
    samples: &[f32],
    read: impl FnOnce(&Predictor, &[f32]) -> T,
) -> Result<T, RunError> {
    let mut slot = lock(slot);
    let known = slot.take();
    let known = known.filter(|(of, known)| Arc::ptr_eq(of, model) && known.batch() == batch);
    let mut predictor = match known {
        Some((_, predictor)) => predictor,
        None => Predictor::with_activations(model.as_ref().clone(), batch)?,
    };
    let scores = predictor.predict_features(samples)?.to_vec();
    let result = read(&predictor, &scores);
    *slot = Some((Arc::clone(model), predictor));
    Ok(result)
}

/// The statistics of `values`, in which the `units` alternate.
fn layer_statistics(layer: &LayerSummary, values: &[f32], units: usize) -> LayerStatistics {
    let Activation { has_dead_units, limits } = layer.activation;
    let mut is_dead = vec![true; units];
    for row in values.chunks_exact(units) {
        is_dead.iter_mut().zip(row).for_each(|(is_dead, &value)| *is_dead &= value == 0.0);
    }
    let saturated = limits.map(|[low, high]| {
        let near = SATURATED * (high - low);
        let is_saturated = |value: &&f32| !(low + near..=high - near).contains(*value);
        values.iter().filter(is_saturated).count() as f64 / values.len().max(1) as f64
    });
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let edges = std::array::from_fn(|i| sorted.get(i * last / 7).copied().unwrap_or(0.0));
    let dead = has_dead_units.then(|| is_dead.iter().filter(|&&is_dead| is_dead).count());
    LayerStatistics { path: layer.path.clone(), edges, units, dead, saturated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_output_for_two_classes_has_two_scores_and_probabilities() {
        for (loss, probabilities) in
            [("hinge", Value::Null), ("binary_cross_entropy", json!([0.5, 0.5]))]
        {
            let text = format!(
                "data = {{ source = 'memory' }}\nmodel = {{ input = [2], layers = [{{ kind = 'linear', units = 1 }}] }}\n\
                train = {{ steps = 1, loss = '{loss}' }}"
            );
            let experiment = runs::Experiment::parse("binary.toml", &text).unwrap();
            let model = Arc::new(SavedModel {
                experiment,
                transforms: crate::testing::of_numbers(2, 2),
                parameters: vec![1.0, 1.0, 0.0],
                running_statistics: Vec::new(),
            });
            let model = ModelAtStep { step: 1, model };
            let cache = PredictorCache::default();
            let (about, values) = cache.activations(&model, &[2.0, -2.0]).unwrap();
            assert_eq!(about["probabilities"], probabilities, "{loss}");
            assert_eq!((&about["scores"], &values[..]), (&json!([0.0, 0.0]), &[0.0][..]));
            let (about, _) = cache.activations(&model, &[2.0, 1.0]).unwrap();
            assert_eq!(about["scores"], json!([-3.0, 3.0]));
        }
    }

    #[test]
    fn dead_units_and_saturated_values_are_counted() {
        let text = "data.source = 'memory'\ntrain.steps = 1\n\
            model = { input = [3], layers = ['relu', 'softplus', 'sigmoid', 'tanh'] }";
        let experiment = runs::Experiment::parse("layers.toml", text).unwrap();
        let model = experiment.network(nn::Mode::Evaluate).unwrap();
        let statistics = |kind: &str, values: &[f32], units| {
            let layer = model.layers.iter().find(|layer| layer.kind == kind).unwrap();
            layer_statistics(layer, values, units)
        };
        let values = [0.0, 1.0, 0.0, 0.0, 0.0, 3.0];
        let relu = statistics("relu", &values, 3);
        assert_eq!((relu.units, relu.dead, relu.saturated), (3, Some(1), None));
        assert_eq!(statistics("softplus", &values, 3).dead, None);
        let sigmoid = statistics("sigmoid", &[0.001, 0.5, 0.999, 0.9], 2);
        assert_eq!(sigmoid.saturated, Some(0.5));
        assert_eq!(statistics("tanh", &[-0.99, 0.5, 0.0, 0.9], 2).saturated, Some(0.25));
        assert_eq!((sigmoid.edges[0], sigmoid.edges[7]), (0.001, 0.999));
    }
}
