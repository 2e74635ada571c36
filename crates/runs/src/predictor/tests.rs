//! Predictions of single samples, batches and rows.

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
        let expected: Vec<f32> =
            samples.chunks(72).flat_map(|sample| one.predict(sample).unwrap().to_vec()).collect();
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
    assert_eq!((found.class, &found.name), (predicted_class(&scores), &found.class.to_string()));
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
    let plan: data::TransformPlan = toml::from_str("arrays = [{ kind = 'standardize' }]").unwrap();
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
fn a_row_is_predicted_by_the_names_of_its_columns() {
    let text = "size,kind,price\n1,a,1000.5\n3,b,3000.5\n";
    let options = data::columns::TableOptions::default();
    let train =
        data::readers::csv::CsvFile::from_bytes("t.csv", text.as_bytes(), &options).unwrap();
    let plan = data::TransformPlan::default();
    let transforms = Arc::new(plan.fit(&train, &|_| true).unwrap());
    let text = "data.source = 'memory'\ntrain = { steps = 1, loss = 'mean_squared_error' }\n\
        model = { input = [3], layers = [{ kind = 'linear', units = 1 }] }";
    let experiment = Experiment::parse("line.toml", text).unwrap();
    // The standardised size, and 1 for kind `b`; prices are 2000.5 ± 1000.
    let (parameters, running_statistics) = (vec![1.0, 0.0, 1.0, 0.0], Vec::new());
    let saved = SavedModel { experiment, transforms, parameters, running_statistics };
    for batch in [1, 4] {
        let mut predictor = Predictor::new(saved.clone(), batch).unwrap();
        let mut value = |row: &[(&'static str, CellValue<'static>)]| {
            predictor.predict_row(row.iter().copied()).map_err(|error| error.to_string())
        };
        let [size, kind] = [("size", 3.0.into()), ("kind", "b".into())];
        assert_eq!(value(&[kind, size]), Ok(RowPrediction::Values(vec![4000.5])));
        let unknown = [size, ("kind", CellValue::Missing), ("note", "x".into())];
        assert_eq!(value(&unknown), Ok(RowPrediction::Values(vec![3000.5])));
        let error = value(&[kind]).unwrap_err();
        assert!(error.starts_with("the row: has no column `size`, expected numbers"), "{error}");
        let error = value(&[kind, ("size", "large".into())]).unwrap_err();
        assert!(
            error.starts_with("the row: column `size`: found texts, expected numbers"),
            "{error}"
        );
    }
}

#[test]
fn a_part_of_a_batch_is_predicted_as_one_by_one() {
    let samples = samples(3);
    let mut batch = Predictor::new(saved(), 8).unwrap();
    let found = batch.predict_samples(&samples).unwrap();
    assert_eq!(found.len(), 3);
    let mut one = Predictor::new(saved(), 1).unwrap();
    for (found, sample) in found.iter().zip(samples.chunks(72)) {
        let RowPrediction::Class { best, scores } = found else { panic!("values") };
        let expected = one.classify(sample).unwrap();
        assert_eq!((best.class, &best.name), (expected.class, &expected.name));
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!(best.probability, Some(scores[best.class]));
    }
    assert!(batch.predict_samples(&samples[1..]).is_err());
    assert_eq!(batch.predict_samples(&[]).unwrap(), []);
}

#[test]
fn a_sample_alone_gets_the_bits_that_it_gets_in_a_batch_of_whole_vectors() {
    let wide = untrained(
        "input = [72], layers = [{ kind = 'linear', units = 130 }, 'relu', { kind = 'linear', units = 3 }]",
    );
    let two_convolutions = untrained(
        "input = [6, 6, 2], layers = [{ kind = 'conv2d', filters = 16, kernel = 3, padding = 'same' }, 'relu', \
        { kind = 'max_pool2d', size = 2 }, { kind = 'conv2d', filters = 32, kernel = 2 }, 'relu', 'flatten', \
        { kind = 'linear', units = 10 }]",
    );
    let lanes = kernels::Isa::current().lanes().max(8);
    for mut model in [saved(), wide, two_convolutions] {
        model.parameters = model.model().unwrap().initial_parameters(1);
        let samples = samples(8 * lanes);
        let predicted = |batch: usize| -> Vec<u32> {
            let mut predictor = Predictor::new(model.clone(), batch).unwrap();
            let mut predict = |samples: &[f32]| predictor.predict(samples).unwrap().to_vec();
            let predicted = samples.chunks(72 * batch).flat_map(&mut predict);
            predicted.map(f32::to_bits).collect()
        };
        let alone = predicted(1);
        for batch in [1, 2, 4, 8].map(|vectors| vectors * lanes) {
            assert_eq!(predicted(batch), alone, "{:?}, {batch}", model.experiment.model);
        }
    }
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
