//! Single steps: what they compute, report and change.

use std::sync::Arc;

use data::{Dataset, FittedTransforms, Targets};
use gradus_train::Trainer;
use graph::Pool;
use runs::{Evaluator, SavedModel, Split};

use crate::made_up::{
    LINEAR, assert_close, experiment, heights, images, points, run, sgd, trainer,
};

const CONVOLUTIONAL: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 6, kernel = 3, padding = "same", bias = false }, { kind = "batch_norm" }, "relu",
        { kind = "max_pool2d", size = 2 }, "flatten",
        { kind = "linear", units = 20 }, "relu", { kind = "dropout", rate = 0.25 },
        { kind = "linear", units = 4 },
    ]
"#;

#[test]
fn any_number_of_threads_gives_the_same_weights() {
    let set = images(700);
    let digest = |threads, seed| {
        let train = format!("batch = 300\nsteps = 12\nseed = {seed}");
        let split = Split { train: set.clone(), test: set.clone() };
        let experiment = experiment(CONVOLUTIONAL, &train);
        let mut trainer = Trainer::new(experiment, split, Arc::new(Pool::new(threads))).unwrap();
        let summary = trainer.run(None, &mut []).summary;
        assert_eq!(summary.threads, threads);
        assert_eq!(summary.weights_digest, trainer.saved().weights_digest());
        (summary.weights_digest, summary.train.loss().to_bits(), summary.test.loss().to_bits())
    };
    let alone = digest(1, 7);
    assert_eq!([digest(2, 7), digest(5, 7)], [alone.clone(), alone.clone()]);
    assert_ne!(digest(1, 8).0, alone.0);
}

#[test]
fn the_digest_is_that_of_the_little_endian_bytes() {
    // `printf '\x00\x00\x80\x3f\x00\x00\x00\xc0' | sha256sum`
    let digest = "ee4ac73c2bd27756ab82780f27c73a7bc4d3f0bb6acb37e008bc27eccd7e588b";
    let saved = SavedModel {
        experiment: experiment("input = [1]\nlayers = ['relu']", "steps = 1"),
        transforms: Arc::new(FittedTransforms::of_dataset(&points(1)).unwrap()),
        parameters: vec![1.0],
        running_statistics: vec![-2.0],
    };
    assert_eq!(saved.weights_digest(), digest);
}

#[test]
fn a_step_and_an_evaluation_see_the_same_network() {
    // Batches of one tile and of many.
    let classes = "input = [8, 8, 1]\nlayers = ['flatten', { kind = 'linear', units = 4 }]";
    for (model, loss, metric, set) in [
        (classes, "cross_entropy", "accuracy", images(60)),
        (classes, "cross_entropy", "accuracy", images(1000)),
        (LINEAR, "mean_squared_error", "mean_absolute_error", heights(1000)),
    ] {
        let train = format!("loss = '{loss}'\nbatch = {}\nsteps = 3\nreport_every = 1", set.len());
        let mut trainer = trainer(model, &train, &set);
        let before = trainer.evaluate().test.metrics;
        let step = trainer.step().unwrap().metrics;
        for name in [metric, "loss"] {
            let [step, before] = [&step, &before].map(|metrics| metrics.get(name).unwrap());
            assert!((step - before).abs() < 1e-5 * before, "{name}: {step} {before}");
        }
        assert!(trainer.evaluate().test.metrics.loss() < before.loss());
    }
}

#[test]
fn evaluation_measures_every_sample_once() {
    let all = points(2345);
    let saved = SavedModel {
        experiment: experiment(LINEAR, "steps = 1"),
        transforms: Arc::new(FittedTransforms::of_dataset(&all).unwrap()),
        parameters: vec![0.9, -0.3, -0.8, 1.2, 0.1, 0.0],
        running_statistics: Vec::new(),
    };
    let evaluate =
        |set: &Dataset| Evaluator::new(&saved.experiment, set).unwrap().evaluate(None, set, &saved);
    let whole = evaluate(&all);
    assert_eq!(whole.predictions.shape(), [2345, 2]);
    let first = evaluate(&all.clone().take(7));
    assert_eq!(whole.predictions.values()[..14], *first.predictions.values());
    let Targets::Labels { values, .. } = all.targets() else { unreachable!() };
    let correct = whole.classes().zip(values).filter(|(class, label)| *class == **label as usize);
    assert_eq!(whole.metrics.get("accuracy"), Some(correct.count() as f64 / 2345.0));
}

#[test]
fn batches_of_every_size_and_order_learn() {
    for order in ["shuffled_epochs", "shuffled_drop_last", "fixed_order", "with_replacement"] {
        for (batch, steps) in [(1, 600), (20, 150), (90, 150)] {
            let train =
                format!("order = '{order}'\nbatch = {batch}\nsteps = {steps}\n{}", sgd(0.5));
            let (finished, recorder) = run(&mut trainer(LINEAR, &train, &points(90)), None);
            assert_eq!(recorder.steps().count(), steps);
            let accuracy = finished.summary.test.get("accuracy").unwrap();
            assert!(accuracy > 0.9, "{order}, batches of {batch}: {accuracy}");
        }
    }
}

#[test]
fn values_are_met_by_regression() {
    let train = format!("loss = 'mean_squared_error'\nbatch = 25\nepochs = 75\n{}", sgd(0.5));
    let mut trainer = trainer(LINEAR, &train, &heights(100));
    let (finished, recorder) = run(&mut trainer, Some(0.5));
    // There are no classes: no accuracy, and none to be reached.
    assert_eq!(finished.reason, events::Reason::Completed);
    assert_eq!(finished.summary.test.get("accuracy"), None);
    assert!(recorder.steps().all(|step| step.metrics.get("accuracy").is_none()));
    assert!(finished.summary.test.loss() < 1e-9, "{finished:?}");
    assert_close(&trainer.saved().parameters, [2.0, 1.0, -1.0, 1.0, 0.5, 0.0], 1e-4);
}

#[test]
fn the_penalty_is_reported_apart_and_moves_weights_only() {
    let model = "input = [2]\nbias = 3\nweight_init = { kind = 'constant', value = 0.5 }\nlayers = [{ kind = 'linear', units = 2 }]";
    let after_a_step = |penalty: &str| {
        let train = format!("batch = 30\nsteps = 1\n{}\n{penalty}", sgd(0.1));
        let mut trainer = trainer(model, &train, &points(30));
        let step = trainer.step().unwrap();
        (step, trainer.saved().parameters.to_vec(), trainer.evaluate().test)
    };
    let (free, without, _) = after_a_step("");
    let (charged, with, evaluation) = after_a_step("l1 = 0.4\nl2 = 0.2");
    assert_eq!(free.penalty, 0.0);
    assert_eq!(charged.metrics.loss(), free.metrics.loss());
    // Four weights of 0.5: 0.4 · Σ|w| + ½ · 0.2 · Σw².
    assert!((charged.penalty - (0.4 * 2.0 + 0.1 * 1.0)).abs() < 1e-6, "{charged:?}");
    let shift = 0.1 * (0.4 + 0.2 * 0.5);
    let wanted =
        without.iter().enumerate().map(|(i, &w)| f64::from(w) - if i < 4 { shift } else { 0.0 });
    assert_close(&with, wanted, 1e-6);
    // The test loss is that of the data: it can be compared whatever the penalty.
    assert!((evaluation.metrics.loss() - free.metrics.loss()).abs() < 0.1, "{evaluation:?}");
}

#[test]
fn a_step_is_clipped_by_norm_and_by_value() {
    let model = "input = [2]\nweight_init = { kind = 'constant', value = -1 }\nlayers = [{ kind = 'linear', units = 1 }]";
    let (x, t) = ([[1.0, 0.5], [-2.0, 1.0], [0.25, -1.5], [3.0, 2.0]], [0.5, -1.0, 2.0, 1.0]);
    let targets = Targets::Values { values: t.map(|t| t as f32).to_vec(), width: 1 };
    let numbers = x.as_flattened().iter().map(|&x| x as f32).collect();
    let set = Dataset::new("four", [2], data::Features::F32(numbers), targets).unwrap();
    // d/dw of the mean of (w·x + b − t)², at w = (−1, −1) and b = 0.
    let error: Vec<f64> = x.iter().zip(t).map(|(x, t)| -x[0] - x[1] - t).collect();
    let mean = |f: &dyn Fn(usize) -> f64| (0..4).map(|i| 2.0 * error[i] * f(i)).sum::<f64>() / 4.0;
    let gradient = [mean(&|i| x[i][0]), mean(&|i| x[i][1]), mean(&|_| 1.0)];
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let cases: [(&str, &dyn Fn(f64) -> f64); 5] = [
        ("{}", &|g| g),
        ("{ norm = 1000.0 }", &|g| g),
        ("{ norm = 0.5 }", &|g| g * 0.5 / norm),
        ("{ value = 2.0 }", &|g| g.clamp(-2.0, 2.0)),
        ("{ norm = 5.0, value = 2.0 }", &|g| (g * 5.0 / norm).clamp(-2.0, 2.0)),
    ];
    for (clip, change) in cases {
        let loss = "loss = 'mean_squared_error'\nbatch = 4\nsteps = 1";
        let train = format!("{loss}\nclip = {clip}\n{}", sgd(0.25));
        let mut trainer = trainer(model, &train, &set);
        let step = trainer.step().unwrap();
        assert!((step.grad_norm - norm).abs() < 1e-5, "{clip}: before clipping, {step:?}");
        assert_eq!(step.learning_rate, 0.25);
        let wanted = [-1.0, -1.0, 0.0].iter().zip(gradient).map(|(w, g)| w - 0.25 * change(g));
        assert_close(&trainer.saved().parameters, wanted, 1e-6);
    }
}

#[test]
fn what_does_not_fit_together_is_refused_with_both_sides() {
    let layers = "layers = [{ kind = 'linear', units = 2 }]";
    let shape = "model.input is [3], but a sample of the training set is [2]";
    let batch = "train.batch: expected at most the 5 samples of the training set, found 6";
    let cases = [
        ("input = [3]", "steps = 1", points(5), shape),
        ("input = [2]", "steps = 1", points(0), "the training set has no samples"),
        ("input = [2]", "steps = 1\nbatch = 6", points(5), batch),
    ];
    for (input, train, set, message) in cases {
        let experiment = experiment(&format!("{input}\n{layers}"), train);
        let split = Split { train: set.clone(), test: set };
        let error = Trainer::new(experiment, split, Arc::new(Pool::new(1))).unwrap_err();
        assert_eq!(diagnostics::chain(&error), message);
    }
}
