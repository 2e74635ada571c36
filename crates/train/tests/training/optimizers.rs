//! What surrounds an optimizer in a step: averaged weights, slow weights, rules for whole matrices.

use std::sync::Arc;

use gradus_train::Trainer;
use graph::Pool;
use nn::optim::Optimizer;
use runs::Split;

use crate::made_up::{assert_close, experiment, images, sgd, trainer};

/// Layers with all kinds of parameters.
const CONVOLUTIONAL: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 3, kernel = 3, bias = false }, "batch_norm", "relu", "flatten",
        { kind = "linear", units = 4 },
    ]
"#;

#[test]
fn the_averaged_network_is_evaluated_and_saved_and_the_other_one_trained() {
    let set = images(60);
    let train = format!("batch = 20\nsteps = 20\n{}", sgd(0.1));
    let mut plain = trainer(CONVOLUTIONAL, &train, &set);
    let with_average = format!("{train}\nema = {{ decay = 0.8 }}");
    let mut averaging = trainer(CONVOLUTIONAL, &with_average, &set);
    let all = |trainer: &Trainer| {
        let current = trainer.current();
        [&current.parameters[..], &current.running_statistics].concat()
    };
    let mut average: Vec<f64> = all(&averaging).into_iter().map(f64::from).collect();
    for step in 0..20 {
        plain.step().unwrap();
        averaging.step().unwrap();
        assert_eq!(all(&plain), all(&averaging), "the average changes nothing of the training");
        let decay = f64::min(0.8, (1.0 + f64::from(step)) / (10.0 + f64::from(step)));
        for (average, value) in average.iter_mut().zip(all(&plain)) {
            *average = decay * *average + (1.0 - decay) * f64::from(value);
        }
        let saved = averaging.saved();
        let found = saved.parameters.iter().chain(&saved.running_statistics);
        assert_close(found, average.iter().copied(), 1e-5);
    }
    assert_eq!(plain.saved(), plain.current());
    let mut of_average = trainer(CONVOLUTIONAL, &with_average, &set);
    let (finished, evaluation) = (of_average.run(None, &mut []), averaging.evaluate().test);
    assert_eq!(finished.summary.weights_digest, averaging.saved().weights_digest());
    assert_eq!(finished.summary.test.loss(), evaluation.metrics.loss());
    assert_ne!(plain.evaluate().test.metrics.loss(), evaluation.metrics.loss());
}

#[test]
fn slow_weights_are_put_in_place_of_the_optimizers_every_so_many_steps() {
    let set = images(60);
    let train = format!("batch = 60\nsteps = 6\n{}", sgd(0.1));
    let mut plain = trainer(CONVOLUTIONAL, &train, &set);
    let lookahead = format!("{train}\nlookahead = {{ steps = 3, alpha = 0.25 }}");
    let mut slow = trainer(CONVOLUTIONAL, &lookahead, &set);
    let first = plain.saved().parameters.clone();
    for _ in 0..2 {
        plain.step().unwrap();
        slow.step().unwrap();
        assert_eq!(plain.saved().parameters, slow.saved().parameters);
    }
    plain.step().unwrap();
    slow.step().unwrap();
    let fast = first.iter().zip(&plain.saved().parameters);
    let want = fast.map(|(first, fast)| 0.75 * f64::from(*first) + 0.25 * f64::from(*fast));
    assert_close(&slow.saved().parameters, want, 1e-6);
}

#[test]
fn every_optimizer_learns_with_average_and_slow_weights_the_same_for_any_number_of_threads() {
    let set = images(200);
    for name in Optimizer::NAMES {
        let rate = match *name {
            "sgd" | "momentum" | "nesterov" | "adagrad" => 0.05,
            "adadelta" => 1.0,
            _ => 0.01,
        };
        let train = format!(
            "batch = 50\nsteps = 60\noptimizer = '{name}'\nlookahead = {{}}\nema = {{ decay = 0.9 }}\n\
             schedule = {{ kind = 'constant', learning_rate = {rate:?} }}\nclip = {{ norm = 10 }}"
        );
        let run = |threads| {
            let split = Split { train: set.clone(), test: set.clone() };
            let experiment = experiment(CONVOLUTIONAL, &train);
            let mut trainer =
                Trainer::new(experiment, split, Arc::new(Pool::new(threads))).unwrap();
            let before = trainer.evaluate().test.metrics.loss();
            let summary = trainer.run(None, &mut []).summary;
            assert!(summary.test.loss() < 0.8 * before, "{name}: {before}, {summary:?}");
            (summary.weights_digest, trainer.current().weights_digest())
        };
        let alone = run(1);
        assert_ne!(alone.0, alone.1, "{name}");
        assert_eq!([run(2), run(3)], [alone.clone(), alone], "{name}");
    }
}

#[test]
fn a_schedule_follows_the_length_of_the_run() {
    let set = images(60);
    let rates = |train: &str| {
        let mut trainer = trainer(CONVOLUTIONAL, &format!("batch = 20\n{train}"), &set);
        let n_steps = trainer.current().experiment.train.steps_for(set.len());
        (0..n_steps).map(|_| trainer.step().unwrap().learning_rate).collect::<Vec<_>>()
    };
    let linear = "schedule = { kind = 'linear', start = 0.06 }";
    assert_close_f64(
        &rates(&format!("steps = 6\n{linear}")),
        &[0.06, 0.05, 0.04, 0.03, 0.02, 0.01],
    );
    assert_close_f64(&rates(&format!("epochs = 1.0\n{linear}")), &[0.06, 0.04, 0.02]);
    let warmup =
        "schedule = { kind = 'warmup', steps = 2, then = { kind = 'linear', start = 0.08 } }";
    assert_close_f64(
        &rates(&format!("epochs = 2.0\n{warmup}")),
        &[0.04, 0.08, 0.08, 0.06, 0.04, 0.02],
    );
}

fn assert_close_f64(found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len());
    let is_close = |(found, wanted): (&f64, &f64)| (found - wanted).abs() < 1e-15;
    assert!(found.iter().zip(wanted).all(is_close), "{found:?}, expected {wanted:?}");
}

#[test]
fn frozen_parameters_keep_their_bytes_under_every_optimizer_and_factors_scale_the_rate() {
    let set = images(60);
    let model = r#"
        input = [8, 8, 1]
        layers = [
            { kind = "conv2d", filters = 3, kernel = 3, freeze = true }, { kind = "batch_norm", freeze = true }, "relu",
            "flatten", { kind = "linear", units = 6 }, { kind = "linear", units = 4, freeze = true },
        ]
    "#;
    for name in Optimizer::NAMES {
        let train = format!(
            "batch = 20\nsteps = 3\noptimizer = {{ kind = '{name}' }}\nclip = {{ norm = 1 }}\n\
             lookahead = {{ steps = 2 }}\nema = {{}}\nl2 = 0.1"
        );
        let mut trainer = trainer(model, &train, &set);
        let first = trainer.current().clone();
        trainer.run(None, &mut []);
        for spec in &trainer.model().parameters {
            for after in [trainer.current(), trainer.saved()] {
                let [before, after] =
                    [&first, after].map(|model| &model.parameters[spec.range.clone()]);
                assert_eq!(before == after, spec.is_frozen, "{name}: {}", spec.path);
            }
        }
        for after in [trainer.current(), trainer.saved()] {
            assert_eq!(first.running_statistics, after.running_statistics, "{name}");
        }
    }
    // One step of gradient descent is as long as the factor says.
    let change = |factor: &str| {
        let layer = format!("{{ kind = 'linear', units = 4, learning_rate_factor = {factor} }}");
        let model = format!("input = [8, 8, 1]\nlayers = ['flatten', {layer}]");
        let mut trainer = trainer(&model, &format!("batch = 60\nsteps = 1\n{}", sgd(0.1)), &set);
        let first = trainer.current().parameters.clone();
        trainer.step().unwrap();
        let pairs = first.into_iter().zip(&trainer.current().parameters);
        pairs.map(|(before, after)| after - before).collect::<Vec<_>>()
    };
    assert_close(
        &change("0.25"),
        change("1").into_iter().map(|change| f64::from(change) / 4.0),
        1e-6,
    );
    assert!(change("0").iter().all(|change| *change == 0.0));
}
