//! Numbers that are infinite or NaN stop a run before they reach the weights.

use data::{Dataset, Features, Targets};
use events::{Event, NotFinite, NotFiniteKind, Reason};
use gradus_train::Trainer;

use crate::made_up::{EventCollector, points, trainer};

const TWO_LAYERS: &str =
    "input = [2]\nlayers = [{ linear = { units = 8 } }, 'relu', { linear = { units = 2 } }]";

/// Plain gradient descent on the squared error.
fn descent(learning_rate: f64) -> String {
    format!(
        "loss = 'mean_squared_error'\nbatch = 20\nsteps = 9\noptimizer = 'sgd'\n\
         schedule = {{ constant = {{ learning_rate = {learning_rate:?} }} }}"
    )
}

/// Regression with one feature, 20 times the same sample.
fn constant(feature: f32) -> Dataset {
    let targets = Targets::Values { values: vec![0.0; 20], width: 1 };
    Dataset::new("constant", [1], Features::F32(vec![feature; 20]), targets).unwrap()
}

/// Why the first step that cannot be done fails.
fn failure(trainer: &mut Trainer) -> String {
    loop {
        let before = (trainer.saved().parameters.to_vec(), trainer.steps_done());
        if let Err(error) = trainer.step() {
            assert_eq!((&trainer.saved().parameters, trainer.steps_done()), (&before.0, before.1));
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
    let linear = "input = [1]\nweight_init = { constant = { value = 0.01 } }\nlayers = [{ linear = { units = 1 } }]";
    let cases = [
        (
            trainer(TWO_LAYERS, &descent(1e30), &points(20)),
            "step 2: value of matmul [N, 2] in layer 3.linear",
        ),
        (trainer(linear, &descent(0.1), &constant(f32::NAN)), "step 1: value of input [N, 1]"),
        (trainer(linear, &descent(0.1), &constant(1e30)), "step 1: value of mul [N, 1]"),
        // 20 squares of 2 · 10¹⁸ are a number of 32 bits; 2 · 2 · 10¹⁸ · 2 · 10²⁰, the gradient, is not.
        (
            trainer(linear, &descent(0.1), &constant(2e20)),
            "step 1: gradient of weight [1, 1] in layer 1.linear",
        ),
    ];
    for (mut trainer, place) in cases {
        let message = format!("{place} is not finite; the step was not taken");
        assert_eq!(failure(&mut trainer), message);
    }
}

#[test]
fn optimizer_state_and_running_statistics_stay_finite_too() {
    let model = "input = [1]\nlayers = [{ batch_norm = {} }, { linear = { units = 1 } }]";
    let train = descent(0.1).replace("'sgd'", "'adam'");
    let mut trainer = trainer(model, &train, &constant(1e30));
    assert_eq!(
        failure(&mut trainer),
        "step 1: value of moments [2, 1] in layer 1.batch_norm is not finite; the step was not taken"
    );
    assert_eq!(trainer.saved().running_statistics, [0.0, 1.0]);
}

#[test]
fn a_value_far_behind_in_a_large_batch_is_named_as_well() {
    let linear = "input = [1]\nlayers = [{ linear = { units = 1 } }]";
    let mut features = vec![0.5; 2500];
    features[2400] = f32::NAN;
    let targets = Targets::Values { values: vec![0.0; 2500], width: 1 };
    let set = Dataset::new("large", [1], Features::F32(features), targets).unwrap();
    let train = descent(0.1).replace("batch = 20", "batch = 2500");
    let message = "step 1: value of input [N, 1] is not finite; the step was not taken";
    assert_eq!(failure(&mut trainer(linear, &train, &set)), message);
}
