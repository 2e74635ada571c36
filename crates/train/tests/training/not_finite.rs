//! Numbers that are infinite or NaN stop a run before they reach the weights.

use data::{Dataset, Features, Targets};
use events::{Event, NotFinite, NotFiniteKind, Reason};
use gradus_train::Trainer;

use crate::made_up::{EventCollector, points, sgd, trainer};

const TWO_LAYERS: &str = "input = [2]\nlayers = [{ kind = 'linear', units = 8 }, 'relu', { kind = 'linear', units = 2 }]";

/// Plain gradient descent on the squared error.
fn descent(learning_rate: f64) -> String {
    format!("loss = 'mean_squared_error'\nbatch = 20\nsteps = 9\n{}", sgd(learning_rate))
}

/// Regression with one feature; the targets are 0.
fn regression(features: Vec<f32>) -> Dataset {
    let targets = Targets::Values { values: vec![0.0; features.len()], width: 1 };
    Dataset::new("regression", [1], Features::F32(features), targets).unwrap()
}

/// Why the first step that cannot be done fails.
fn failure(trainer: &mut Trainer) -> String {
    loop {
        let before = (trainer.saved().clone(), trainer.steps_done());
        if let Err(error) = trainer.step() {
            assert_eq!((trainer.saved(), trainer.steps_done()), (&before.0, before.1));
            assert_eq!(trainer.step(), Err(error.clone()), "nothing has changed");
            return error.to_string();
        }
    }
}

#[test]
fn a_run_stops_with_the_weights_before_the_step() {
    let mut trainer = trainer(TWO_LAYERS, &descent(1e30), &points(20));
    let mut recorder = EventCollector::default();
    let finished = trainer.run(Some(0.99), &mut [&mut recorder]);
    let not_finite = NotFinite {
        step: 2,
        what: NotFiniteKind::Value,
        layer: Some("3.linear".into()),
        node: Some("matmul".into()),
        shape: vec![None, Some(2)],
    };
    assert_eq!(finished.reason, Reason::NotFinite(not_finite));
    // The weights of the only step that was done are finite, and what the run ends with.
    assert_eq!((recorder.steps().count(), finished.summary.steps), (1, 1));
    assert!(trainer.saved().parameters.iter().all(|weight| weight.is_finite()));
    assert_eq!(finished.summary.weights_digest, trainer.saved().weights_digest());
    let (evaluation, end) = (&recorder.events[4], &recorder.events[5]);
    assert!(matches!(evaluation, Event::EvaluationFinished(evaluation) if evaluation.step == 1));
    assert!(matches!(end, Event::RunFinished(_)));
    assert_eq!(recorder.events.len(), 6);
}

#[test]
fn the_first_number_that_is_not_finite_is_named_with_step_layer_and_node() {
    let linear = "input = [1]\nweight_init = { kind = 'constant', value = 0.01 }\nlayers = [{ kind = 'linear', units = 1 }]";
    let normalised =
        "input = [1]\nlayers = [{ kind = 'batch_norm' }, { kind = 'linear', units = 1 }]";
    let sgd = || descent(0.1);
    let adam = descent(0.1).replace("'sgd'", "'adam'");
    let constant = |feature| regression(vec![feature; 20]);
    // Far behind in a large batch.
    let mut features = vec![0.5; 2500];
    features[2400] = f32::NAN;
    let (late, large) = (regression(features), sgd().replace("batch = 20", "batch = 2500"));
    let matmul = "step 2: value of matmul [N, 2] in layer 3.linear";
    // 20 squares of 2 · 10¹⁸ are a number of 32 bits; 2 · 2 · 10¹⁸ · 2 · 10²⁰, the gradient, is not.
    let weight = "step 1: gradient of weight [1, 1] in layer 1.linear";
    let moments = "step 1: value of moments [2, 1] in layer 1.batch_norm";
    let cases = [
        (TWO_LAYERS, descent(1e30), points(20), matmul),
        (linear, sgd(), constant(f32::NAN), "step 1: value of input [N, 1]"),
        (linear, large, late, "step 1: value of input [N, 1]"),
        (linear, sgd(), constant(1e30), "step 1: value of mul [N, 1]"),
        (linear, sgd(), constant(2e20), weight),
        // The state of the optimizer and the running statistics stay finite too.
        (normalised, adam, constant(1e30), moments),
    ];
    for (model, train, set, place) in cases {
        let message = format!("{place} is not finite; the step was not taken");
        let mut trainer = trainer(model, &train, &set);
        assert_eq!(failure(&mut trainer), message);
        let statistics = &trainer.saved().running_statistics;
        assert!(statistics.is_empty() || *statistics == [0.0, 1.0], "{statistics:?}");
    }
}
