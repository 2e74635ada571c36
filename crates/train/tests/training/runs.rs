//! Whole runs: how long they are, when they measure, why they end.

use events::{Event, Reason};
use gradus_train::{Dataset, Features, Targets};

use crate::made_up::{Recorder, images, points, run, trainer};

const LINEAR: &str = "input = [2]\nlayers = [{ linear = { units = 2 } }]";

/// Twelve points of which nothing can be learned: each stands in both classes.
fn undecided() -> Dataset {
    let points = (0..6).flat_map(|i| [[i as f32, 1.0]; 2]).flatten().collect();
    let targets = Targets::Labels { values: [0, 1].repeat(6), classes: 2 };
    Dataset::new("undecided", [2], Features::F32(points), targets).unwrap()
}

#[test]
fn an_evaluation_always_follows_the_last_step() {
    let cases = [
        ("steps = 7\nevaluate_every = 3", vec![3, 6, 7]),
        ("steps = 6\nevaluate_every = 3", vec![3, 6]),
        ("steps = 2\nevaluate_every = 100", vec![2]),
        // Without a word, after each epoch: 50 samples are two whole batches of 20.
        ("epochs = 2", vec![2, 4, 5]),
        ("epochs = 1e-9", vec![1]),
    ];
    for (length, evaluated) in cases {
        let mut trainer = trainer(LINEAR, &format!("batch = 20\n{length}"), &points(50));
        let (finished, recorder) = run(&mut trainer, None);
        assert_eq!(recorder.evaluated(), evaluated, "{length}");
        assert_eq!(finished.reason, Reason::Completed);
        let last = recorder.evaluations().next_back().unwrap();
        assert_eq!(finished.summary.test_loss, last.loss_nats);
        assert_eq!(finished.summary.best_test_accuracy, last.best_accuracy);
        assert!(matches!(recorder.events[0], Event::RunStarted(_)));
        assert_eq!(recorder.events.last(), Some(&Event::RunFinished(finished)));
    }
}

#[test]
fn epochs_have_a_fraction() {
    // 20 of 50 samples a step: 1.5 epochs are 3.75 steps, and four of them 1.6 epochs.
    for (length, steps, epochs) in [("epochs = 1.5", 4, 1.6), ("steps = 7", 7, 2.8)] {
        let mut trainer = trainer(LINEAR, &format!("batch = 20\n{length}"), &points(50));
        let (finished, recorder) = run(&mut trainer, None);
        assert_eq!((finished.summary.steps, finished.summary.epochs), (steps, epochs));
        let of_steps: Vec<f64> = recorder.steps().map(|step| step.epoch).collect();
        assert_eq!(of_steps[..2], [0.4, 0.8]);
    }
}

#[test]
fn an_observer_stops_a_run_which_is_then_measured() {
    let mut trainer = trainer(LINEAR, "batch = 10\nsteps = 1000\nevaluate_every = 3", &points(50));
    let mut recorder = Recorder { stop_after: Some(4), ..Recorder::default() };
    let finished = trainer.run(Some(1.0), &mut recorder);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Interrupted, 4));
    assert_eq!(recorder.evaluated(), [3, 4]);
    assert_eq!(recorder.parameters, trainer.parameters());
}

#[test]
fn a_run_ends_as_soon_as_an_evaluation_reaches_the_target() {
    let train = "batch = 30\nsteps = 1000\nevaluate_every = 10\nschedule = { constant = { learning_rate = 0.05 } }";
    let mut trainer = trainer(LINEAR, train, &points(60));
    let (finished, recorder) = run(&mut trainer, Some(0.9));
    assert_eq!(finished.reason, Reason::TargetReached);
    assert!(finished.summary.steps < 1000, "{finished:?}");
    let (last, earlier) = recorder
        .evaluations()
        .rev()
        .map(|e| e.accuracy)
        .enumerate()
        .partition::<Vec<_>, _>(|(i, _)| *i == 0);
    assert!(last[0].1 >= Some(0.9) && earlier.iter().all(|(_, accuracy)| *accuracy < Some(0.9)));
}

#[test]
fn a_run_that_misses_the_target_does_all_its_steps() {
    let mut trainer = trainer(LINEAR, "batch = 6\nsteps = 8", &undecided());
    let (finished, _) = run(&mut trainer, Some(0.6));
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Completed, 8));
    assert_eq!(finished.summary.test_accuracy, Some(0.5));
}

#[test]
fn the_best_accuracy_is_that_of_all_evaluations() {
    let model = "input = [8, 8, 1]\nlayers = ['flatten', { linear = { units = 4 } }]";
    // A rate so large that the accuracy jumps up and down.
    let train = "batch = 8\nsteps = 40\nevaluate_every = 1\noptimizer = 'sgd'\nschedule = { constant = { learning_rate = 1 } }";
    let mut trainer = trainer(model, train, &images(64));
    let (finished, recorder) = run(&mut trainer, None);
    let mut best = None;
    for evaluation in recorder.evaluations() {
        best = best.max(evaluation.accuracy.map(f64::to_bits));
        assert_eq!(evaluation.best_accuracy.map(f64::to_bits), best);
    }
    assert_eq!(finished.summary.best_test_accuracy.map(f64::to_bits), best);
    assert!(
        recorder.evaluations().any(|evaluation| evaluation.accuracy < evaluation.best_accuracy)
    );
}

#[test]
fn accuracies_of_batches_are_reported_now_and_then() {
    let mut trainer = trainer(LINEAR, "batch = 10\nsteps = 7\nreport_every = 3", &points(50));
    let (_, recorder) = run(&mut trainer, None);
    let reported = recorder.steps().filter(|step| step.accuracy.is_some()).map(|step| step.step);
    assert_eq!(reported.collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn the_speed_leaves_evaluations_out() {
    let mut trainer =
        trainer(LINEAR, "batch = 10\nsteps = 20\nevaluate_every = 1", &points(200_000));
    let (finished, _) = run(&mut trainer, None);
    let summary = &finished.summary;
    let training_seconds = 200.0 / summary.samples_per_second;
    assert!(training_seconds < 0.5 * summary.wall_seconds, "{summary:?}");
}
