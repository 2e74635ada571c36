//! Whole runs: how long they are, when they measure, why they end.

use data::{Dataset, Features, Targets};
use events::{Best, Command, Event, LearningRateSet, Paused, Reason, RunFinished, Unpaused};

use crate::made_up::{EventCollector, LINEAR, images, points, run, sgd, trainer};

/// A run on fifty points, with commands that are given as soon as so many steps are done.
fn commanded<const N: usize>(
    train: &str,
    commands: [(u64, Command); N],
) -> (RunFinished, EventCollector) {
    let mut recorder = EventCollector::commanding(commands);
    (trainer(LINEAR, train, &points(50)).run(None, &mut [&mut recorder]), recorder)
}

/// Twelve points of which nothing can be learned: each stands in both classes.
fn undecided() -> Dataset {
    let points = (0..6).flat_map(|i| [[i as f32, 1.0]; 2]).flatten().collect();
    let targets = Targets::Labels { values: [0, 1].repeat(6), classes: 2 };
    Dataset::new("undecided", [2], Features::F32(points), targets).unwrap()
}

#[test]
fn an_evaluation_comes_before_the_first_step_and_follows_the_last() {
    let cases = [
        ("steps = 7\nevaluate_every = 3", vec![0, 3, 6, 7]),
        ("steps = 6\nevaluate_every = 3", vec![0, 3, 6]),
        ("steps = 2\nevaluate_every = 100", vec![0, 2]),
        // Without a word, after each epoch: 50 samples are two whole batches of 20.
        ("epochs = 2", vec![0, 2, 4, 5]),
        ("epochs = 1e-9", vec![0, 1]),
    ];
    for (length, evaluated) in cases {
        let train = format!("batch = 20\n{length}");
        let (finished, recorder) = run(&mut trainer(LINEAR, &train, &points(50)), None);
        assert_eq!(recorder.evaluated(), evaluated, "{length}");
        assert_eq!(finished.reason, Reason::Completed);
        let last = recorder.evaluations().next_back().unwrap();
        assert_eq!((&finished.summary.test, &finished.summary.best), (&last.metrics, &last.best));
        assert!(matches!(recorder.events[0], Event::RunStarted(_)));
        assert_eq!(recorder.events.last(), Some(&Event::RunFinished(finished)));
    }
}

#[test]
fn epochs_have_a_fraction() {
    // 20 of 50 samples a step: 1.5 epochs are 3.75 steps, and four of them 1.6 epochs.
    for (length, steps, epochs) in [("epochs = 1.5", 4, 1.6), ("steps = 7", 7, 2.8)] {
        let train = format!("batch = 20\n{length}");
        let (finished, recorder) = run(&mut trainer(LINEAR, &train, &points(50)), None);
        assert_eq!((finished.summary.steps, finished.summary.epochs), (steps, epochs));
        let of_steps: Vec<f64> = recorder.steps().map(|step| step.epoch).collect();
        assert_eq!(of_steps[..2], [0.4, 0.8]);
    }
}

#[test]
fn an_epoch_trains_on_every_sample() {
    // 9 samples in batches of 4 are three steps; of two epochs it is the fifth that reaches the last sample.
    for (epochs, steps) in [(1, 3), (2, 5), (4, 9)] {
        let train = format!("batch = 4\nepochs = {epochs}");
        let (finished, _) = run(&mut trainer(LINEAR, &train, &points(9)), None);
        assert_eq!(finished.summary.steps, steps, "{epochs}");
    }
    let train = "batch = 4\nepochs = 1\nreport_every = 1";
    let (_, recorder) = run(&mut trainer(LINEAR, train, &points(9)), None);
    let mut seen: Vec<u32> = recorder.snapshots().flat_map(|each| each.batch.clone()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..9).collect::<Vec<_>>());
    let experiment = crate::made_up::experiment(LINEAR, "batch = 1\nepochs = 0.7");
    assert_eq!(experiment.train.steps_for(10), 7, "0.7 · 10 is not 7 in binary");
}

#[test]
fn an_observer_stops_a_run_paused_or_not_which_is_then_measured() {
    let mut trainer = trainer(LINEAR, "batch = 10\nsteps = 1000\nevaluate_every = 3", &points(50));
    let mut recorder = EventCollector::commanding([(4, Command::Stop)]);
    let finished = trainer.run(Some(1.0), &mut [&mut recorder]);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Interrupted, 4));
    assert_eq!(recorder.evaluated(), [0, 3, 4]);
    assert_eq!(recorder.parameters, trainer.saved().parameters);
    let commands = [(4, Command::Pause), (4, Command::Stop)];
    let (finished, _) = commanded("batch = 20\nsteps = 12", commands);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Interrupted, 4));
}

#[test]
fn a_run_ends_as_soon_as_an_evaluation_reaches_the_target_and_else_does_all_its_steps() {
    let train = "batch = 30\nsteps = 1000\nevaluate_every = 10\nschedule = { kind = 'constant', learning_rate = 0.05 }";
    let (finished, recorder) = run(&mut trainer(LINEAR, train, &points(60)), Some(0.9));
    assert_eq!(finished.reason, Reason::TargetReached);
    assert!(finished.summary.steps < 1000, "{finished:?}");
    let mut reached = recorder.evaluations().map(|each| each.metrics.get("accuracy") >= Some(0.9));
    assert_eq!((reached.next_back(), reached.any(|reached| reached)), (Some(true), false));

    let undecided = run(&mut trainer(LINEAR, "batch = 6\nsteps = 8", &undecided()), Some(0.6));
    let RunFinished { reason, summary, .. } = undecided.0;
    assert_eq!((reason, summary.steps), (Reason::Completed, 8));
    assert_eq!(summary.test.get("accuracy"), Some(0.5));
}

#[test]
fn the_best_accuracy_is_that_of_all_evaluations() {
    let model = "input = [8, 8, 1]\nlayers = ['flatten', { kind = 'linear', units = 4 }]";
    // A rate so large that the accuracy jumps up and down.
    let train = format!("batch = 8\nsteps = 40\nevaluate_every = 1\n{}", sgd(1.0));
    let (finished, recorder) = run(&mut trainer(model, &train, &images(64)), None);
    let mut best = Best { value: f64::NEG_INFINITY, step: 0, test: None };
    let mut falls = false;
    for evaluation in recorder.evaluations() {
        let value = evaluation.metrics.get("accuracy").unwrap();
        if value > best.value {
            best = Best { value, step: evaluation.step, test: None };
        }
        falls |= value < best.value;
        assert_eq!(evaluation.best["accuracy"], best);
    }
    assert!(falls, "the accuracy never fell");
    assert_eq!(finished.summary.best["accuracy"], best);
    let losses = recorder.evaluations().map(|evaluation| evaluation.metrics.loss());
    assert_eq!(finished.summary.best["loss"].value, losses.fold(f64::INFINITY, f64::min));
}

#[test]
fn evaluations_of_pauses_and_of_a_stop_are_never_the_best() {
    use Command::{Pause, Step, Stop};
    // The loss falls with every step, so that each evaluation would be the best.
    let train = format!("batch = 50\nsteps = 100\nevaluate_every = 3\n{}", sgd(0.1));
    let mut trainer = trainer(LINEAR, &train, &points(50));
    let mut recorder =
        EventCollector::commanding([(1, Pause), (1, Step), (2, Step), (3, Step), (4, Stop)]);
    let finished = trainer.run(None, &mut [&mut recorder]);
    assert_eq!(finished.reason, Reason::Interrupted);
    let best = recorder.evaluations().map(|each| (each.step, each.best["loss"].step));
    assert_eq!(best.collect::<Vec<_>>(), [(0, 0), (1, 0), (2, 0), (3, 3), (4, 3)]);
    assert_eq!(finished.summary.best["loss"].step, 3);
    // A program that evaluates by itself has planned it.
    trainer.step().unwrap();
    assert_eq!(trainer.evaluate().test.best["loss"].step, 5);
}

#[test]
fn other_metrics_of_batches_than_the_loss_are_reported_now_and_then() {
    let (_, recorder) =
        run(&mut trainer(LINEAR, "batch = 10\nsteps = 7\nreport_every = 3", &points(50)), None);
    let reported = recorder.steps().filter(|step| step.metrics.has_others()).map(|step| step.step);
    assert_eq!(reported.collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn the_speed_leaves_evaluations_out() {
    let (finished, recorder) =
        run(&mut trainer(LINEAR, "batch = 10\nsteps = 20\nevaluate_every = 1", &points(50)), None);
    let summary = &finished.summary;
    let train_secs = recorder.snapshots().last().unwrap().train_secs;
    assert_eq!(summary.samples_per_second, 200.0 / train_secs);
    // The time of the steps is a part of the time of the run.
    assert!(train_secs < summary.wall_seconds, "{summary:?}");
}

#[test]
fn a_run_pauses_takes_single_steps_and_epochs_and_continues() {
    use Command::{Epoch, Pause, Step, Unpause};
    // An epoch is three steps: 50 samples are two whole batches of 20.
    let commands = [(1, Pause), (1, Pause), (1, Step), (2, Epoch), (3, Epoch), (5, Unpause)];
    let (finished, recorder) = commanded("batch = 20\nsteps = 12\nevaluate_every = 100", commands);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Completed, 12));
    let is_told = |event: &&Event| matches!(event, Event::Paused(_) | Event::Unpaused(_));
    let told = recorder.events.iter().filter(is_told).cloned();
    let pair = |step| [Event::Paused(Paused { step }), Event::Unpaused(Unpaused { step })];
    assert_eq!(told.collect::<Vec<_>>(), [1, 2, 3, 5].map(pair).concat());
    // Whoever pauses sees how things are, and a pause changes nothing.
    assert_eq!(recorder.evaluated(), [0, 1, 2, 3, 5, 12]);
    let (unbroken, _) = commanded("batch = 20\nsteps = 12", []);
    assert_eq!(unbroken.summary.weights_digest, finished.summary.weights_digest);
}

#[test]
fn a_command_in_a_pause_does_not_wait_for_the_evaluation_of_all_samples() {
    use Command::{Pause, Unpause};
    let long = "batch = 20\nsteps = 3\nevaluate_every = 100";
    let mut recorder = EventCollector::commanding([(1, Pause), (1, Unpause)]);
    // More samples than are evaluated together: between two batches commands are asked for.
    let finished = trainer(LINEAR, long, &points(3000)).run(None, &mut [&mut recorder]);
    assert_eq!((finished.reason, recorder.evaluated()), (Reason::Completed, vec![0, 3]));
    let unbroken = trainer(LINEAR, long, &points(3000)).run(None, &mut []);
    assert_eq!(unbroken.summary.weights_digest, finished.summary.weights_digest);
}

#[test]
fn a_learning_rate_is_set_and_given_back_to_the_schedule() {
    let train = "batch = 20\nsteps = 6\nschedule = { kind = 'constant', learning_rate = 0.5 }";
    let sets = [(2, Some(0.25)), (4, None)];
    let command = |(step, learning_rate)| (step, Command::SetLearningRate { learning_rate });
    let (_, recorder) = commanded(train, sets.map(command));
    let rates: Vec<f64> = recorder.steps().map(|step| step.learning_rate).collect();
    assert_eq!(rates, [0.5, 0.5, 0.25, 0.25, 0.5, 0.5]);
    let told = recorder.events.iter().filter(|event| matches!(event, Event::LearningRateSet(_)));
    let event = |(step, learning_rate)| LearningRateSet { step, learning_rate };
    let expected = sets.map(|set| Event::LearningRateSet(event(set)));
    assert_eq!(told.cloned().collect::<Vec<_>>(), expected);
}

#[test]
fn snapshots_fall_on_reported_steps_but_are_not_more_than_can_be_shown() {
    for (steps, report_every, snapshots) in
        [(7, 3, vec![0, 3, 6, 7]), (2, 5, vec![0, 2]), (600, 2, (0..=150).map(|i| 4 * i).collect())]
    {
        let train = format!("batch = 10\nsteps = {steps}\nreport_every = {report_every}");
        let (_, recorder) = run(&mut trainer(LINEAR, &train, &points(50)), None);
        let found: Vec<_> = recorder.snapshots().collect();
        assert_eq!(found.iter().map(|each| each.step).collect::<Vec<_>>(), snapshots);
        assert!(found[0].batch.is_empty() && found[0].predictions.is_empty());
        let last = found.last().unwrap();
        assert_eq!((last.batch.len(), last.predictions.len()), (10, 10));
        let parameters = last.parameters.iter().map(|each| (&*each.layer, &*each.role));
        let expected = [("1.linear", "weight"), ("1.linear", "bias")];
        assert_eq!(parameters.collect::<Vec<_>>(), expected);
        assert_eq!(last.weights, Some(last.parameters[0].values));
        assert_eq!(last.biases, Some(last.parameters[1].values));
        let mut before = found[0].parameters.iter();
        assert!(before.all(|each| each.gradients.is_none() && each.updates.is_none()));
    }
}

#[test]
fn an_evaluation_lists_the_misclassified_samples() {
    let set = undecided();
    let Targets::Labels { values, .. } = set.targets() else { panic!("no classes") };
    let misclassified = trainer(LINEAR, "batch = 6\nsteps = 1", &set).evaluate().test.misclassified;
    // One of each pair of equal points.
    assert_eq!(misclassified.len(), 6);
    for (sample, predicted) in misclassified {
        assert_eq!(predicted, 1 - values[sample as usize]);
    }
}

#[test]
fn the_update_of_a_step_is_the_gradient_times_the_learning_rate() {
    let train = format!("batch = 10\nsteps = 4\nreport_every = 1\n{}", sgd(0.5));
    let (_, recorder) = run(&mut trainer(LINEAR, &train, &points(50)), None);
    let snapshots: Vec<_> = recorder.snapshots().skip(1).collect();
    assert_eq!(snapshots.len(), 4);
    for parameter in snapshots.iter().flat_map(|each| &each.parameters) {
        let (gradients, updates) = (parameter.gradients.unwrap(), parameter.updates.unwrap());
        // The largest gradient takes the most away.
        for (gradient, update) in [(gradients.0[7], updates.0[0]), (gradients.0[0], updates.0[7])] {
            assert!((update + 0.5 * gradient).abs() < 1e-6, "{parameter:?}");
        }
        assert!(gradients.0[7] > 0.0);
    }
}
