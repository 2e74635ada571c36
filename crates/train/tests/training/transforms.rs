//! Transforms of the data: they are saved with the model, and what they do to a target is undone.

use data::transforms::standardize::Standardize;
use data::{Dataset, Features, FittedTransforms, Targets, TransformPlan};
use gradus_train::Trainer;
use graph::Pool;
use runs::{Experiment, Parts, Predictor, SavedModel, Split, TrainerState};

use crate::made_up::{experiment, images, points, run, sgd};

const PICTURES: &str = "input = [8, 8, 1]\nlayers = ['flatten', { kind = 'linear', units = 4 }]";

fn of_parts(parts: Parts, train: &str) -> Trainer {
    Trainer::new(experiment(PICTURES, train), parts, Pool::new(1)).unwrap()
}

fn split(set: Dataset) -> Split {
    Split { train: set.clone(), test: set }
}

#[test]
fn bytes_and_the_same_real_numbers_train_the_same_network() {
    let bytes = images(60).divided_by(4.0);
    let numbers = |divide: bool| {
        let divisor = if divide { 4.0 } else { 1.0 };
        let all = (0..60).flat_map(|i| bytes.sample(i).unwrap()).map(|x| x / divisor).collect();
        let targets = bytes.targets().clone();
        Dataset::new("numbers", [8, 8, 1], Features::F32(all), targets).unwrap()
    };
    let fitted = FittedTransforms::of_dataset(&bytes).unwrap();
    let raw = Parts::from(split(numbers(false))).with_transforms(fitted).unwrap();
    let train = format!("batch = 20\nsteps = 9\n{}", sgd(0.1));
    let digest = |parts: Parts| run(&mut of_parts(parts, &train), None).0.summary.weights_digest;
    let expected = digest(split(bytes.clone()).into());
    assert_eq!(digest(raw), expected);
    assert_eq!(digest(split(numbers(true)).into()), expected);
}

#[test]
fn a_standardized_target_is_measured_and_predicted_in_its_unit() {
    // Two numbers of another size each, from those of a point.
    let points = points(400);
    let Features::F32(features) = points.numbers(0..points.len()) else { panic!("bytes") };
    let of_point = |point: &[f32]| [2e6 + 1e5 * point[0], 3e-3 * point[1]];
    let values = features.chunks(2).flat_map(of_point).collect();
    let targets = Targets::Values { values, width: 2 };
    let set = Dataset::new("units", [2], Features::F32(features), targets.clone()).unwrap();
    let text = format!(
        "[data]\nsource = 'memory'\ntransforms.arrays = [{{ kind = 'robust_scale' }}]\n\
         [model]\ninput = [2]\nlayers = [{{ kind = 'linear', units = 2 }}]\n\
         [train]\nloss = 'mean_squared_error'\nbatch = 40\nsteps = 400\nreport_every = 400\n{}",
        sgd(0.2)
    );
    let experiment = Experiment::parse("units.toml", &text).unwrap();
    let mut trainer = Trainer::new(experiment, split(set.clone()), Pool::new(1)).unwrap();
    let (finished, _) = run(&mut trainer, None);
    let saved = SavedModel::from_bytes(&trainer.saved().to_bytes().unwrap()).unwrap();
    assert_eq!(&saved, trainer.saved());
    // From the numbers of the points, before any transform.
    let samples: Vec<f32> = (0..400).flat_map(|i| set.sample(i).unwrap()).collect();
    let mut predictor = Predictor::new(saved, 400).unwrap();
    let predictions = predictor.predict(&samples).unwrap();
    let Targets::Values { values, .. } = &targets else { unreachable!() };
    let errors = predictions.iter().zip(values).map(|(y, t)| f64::from((y - t).abs()));
    let error = errors.sum::<f64>() / 800.0;
    let found = finished.summary.test.get("mean_absolute_error").unwrap();
    assert!((1.0..2e3).contains(&found), "{found}");
    // Predictions near 2,000,000 are rounded to 1/8, and differences from the mean are not.
    assert!((found - error).abs() < 0.125, "{found} {error}");
    let train = finished.summary.train.get("mean_absolute_error").unwrap();
    assert!((0.3..3.0).contains(&(train / found)), "{train} {found}");
    assert!(finished.summary.test.loss() < 0.01, "in the unit of the network");
}

#[test]
fn a_state_of_other_transforms_is_refused_and_the_difference_is_named() {
    let train = "batch = 20\nsteps = 9";
    let of = |divisor| of_parts(split(images(60).divided_by(divisor)).into(), train);
    let mut first = of(4.0);
    first.step().unwrap();
    let state = || TrainerState::from_bytes(&first.state().to_bytes().unwrap()).unwrap();
    let message = of(5.0).resume(state()).unwrap_err().to_string();
    assert!(message.ends_with("\n  transforms: by = 4.0 → by = 5.0"), "{message}");
    of(4.0).resume(state()).unwrap();
}

#[test]
fn a_checkpoint_and_a_model_are_the_same_file_every_time() {
    let mut trainer = of_parts(split(images(60)).into(), "batch = 20\nsteps = 9\nema = {}");
    trainer.step().unwrap();
    let state = trainer.state();
    let bytes = state.to_bytes().unwrap();
    for _ in 0..20 {
        assert_eq!(TrainerState::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
        assert_eq!(trainer.saved().to_bytes().unwrap(), state.evaluated().to_bytes().unwrap());
    }
}

#[test]
fn transforms_of_the_training_part_alone_decide_features_of_all() {
    let plan = TransformPlan { arrays: vec![Standardize {}.into()], ..TransformPlan::default() };
    let text = "[data]\nsource = 'memory'\nvalidation = 0.25\ntransforms.arrays = [{ kind = 'standardize' }]\n\
                [model]\ninput = [2]\nlayers = [{ kind = 'linear', units = 2 }]\n[train]\nsteps = 1\nbatch = 2\n";
    let experiment = Experiment::parse("part.toml", text).unwrap();
    let mut train = points(120);
    let test = train.split_off(&Vec::from_iter(80..120), "test");
    let split = Split { train, test };
    let parts = experiment.data.prepare(split.clone()).unwrap();
    let raw = |set: &Dataset, of: &Dataset| {
        let fitted = plan.fit_dataset(set).unwrap();
        fitted.encode_dataset(of.clone()).unwrap().features().cloned()
    };
    // The same parts without transforms.
    let data = runs::DataSpec { transforms: None, ..experiment.data };
    let plain = data.prepare(split).unwrap();
    assert_eq!(parts.train.features(), raw(&plain.train, &plain.train).as_ref());
    assert_eq!(parts.test.features(), raw(&plain.train, &plain.test).as_ref());
    let [validation, of] = [&parts, &plain].map(|parts| parts.validation.as_ref().unwrap());
    assert_eq!(validation.features(), raw(&plain.train, of).as_ref());
}
