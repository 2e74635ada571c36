//! Parts of the data: what a run trains on, chooses by and is measured on.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use events::{Best, Command, Event, Part, Reason, RunFinished, Selection};
use gradus_train::{EvaluatedParts, TrainError, Trainer, record};
use graph::Pool;
use runs::{Experiment, Parts, Split};

use crate::made_up::{EventCollector, LINEAR, experiment, heights, points, run, sgd};

/// Points whose classes are the wrong way round.
fn reversed(n: usize) -> Dataset {
    let set = points(n);
    let Targets::Labels { values, classes } = set.targets() else { panic!("no classes") };
    let values = values.iter().map(|class| 1 - class).collect();
    let targets = Targets::Labels { values, classes: *classes };
    Dataset::new("reversed", [2], set.numbers(0..set.len()), targets).unwrap()
}

/// Trains on points, chooses by others and is measured on points that are the wrong way round.
fn contrary(train: &str) -> Trainer {
    let parts = Parts::new(
        points(60),
        Some(points(100).split_off(&Vec::from_iter(60..100), "others")),
        reversed(30),
    );
    Trainer::new(experiment(LINEAR, train), parts.unwrap(), Pool::new(2)).unwrap()
}

#[test]
fn both_sets_are_evaluated_and_the_validation_set_chooses() {
    let train = format!("batch = 30\nsteps = 9\nevaluate_every = 3\n{}", sgd(20.0));
    let (finished, collected) = run(&mut contrary(&train), None);
    let evaluated = collected.evaluations().map(|each| (each.step, each.part, each.samples));
    let both = |step| [(step, Part::Validation, 40), (step, Part::Test, 30)];
    assert_eq!(evaluated.collect::<Vec<_>>(), [0, 3, 6, 9].map(both).concat());
    let Event::RunStarted(started) = &collected.events[0] else { panic!("no start") };
    let sizes = [(Part::Train, 60), (Part::Validation, 40), (Part::Test, 30)];
    assert_eq!(started.parts, BTreeMap::from(sizes));
    let selection = Selection { part: Part::Validation, metric: "accuracy".into() };
    assert_eq!((&started.selection, &finished.summary.selection), (&selection, &selection));
    let RunFinished { summary, .. } = finished;
    let last = |part| collected.evaluations().rfind(|each| each.part == part).unwrap();
    assert_eq!(summary.validation.as_ref(), Some(&last(Part::Validation).metrics));
    assert_eq!(
        (&summary.test, &summary.best),
        (&last(Part::Test).metrics, &last(Part::Validation).best)
    );
    assert!(collected.evaluations().all(|each| each.best.is_empty() == (each.part == Part::Test)));
    // The best step is that of the validation set, with what the test set says of it.
    let Best { value, step, test } = summary.best["accuracy"];
    let at =
        |part| collected.evaluations().find(|each| each.part == part && each.step == step).unwrap();
    assert_eq!(at(Part::Validation).metrics.get("accuracy"), Some(value));
    assert_eq!(at(Part::Test).metrics.get("accuracy"), test);
    assert!(value > 0.8 && test < Some(0.4), "{:?}", summary.best);
}

#[test]
fn the_target_is_reached_on_the_validation_set() {
    let train = format!("batch = 30\nsteps = 500\nevaluate_every = 5\n{}", sgd(0.5));
    let (finished, _) = run(&mut contrary(&train), Some(0.9));
    assert_eq!(finished.reason, Reason::TargetReached);
    assert!(finished.summary.test.get("accuracy") < Some(0.2), "{finished:?}");
}

#[test]
fn data_that_a_program_passes_in_two_sets_is_divided_as_the_experiment_says() {
    let divided = |data: &str, set: Dataset| {
        let text = format!(
            "data = {{ source = 'memory', {data} }}\nmodel = {{ {} }}\ntrain = {{ batch = 4, steps = 1 }}",
            LINEAR.replace('\n', ", ")
        );
        let experiment = Experiment::parse("divided.toml", &text).unwrap();
        Trainer::new(experiment, Split { train: set, test: points(9) }, Pool::new(1))
    };
    let trainer = divided("validation = 0.25", points(40)).unwrap();
    assert_eq!(trainer.validation_set().unwrap().len(), 10);
    assert_eq!((trainer.train_set().len(), trainer.test_set().len()), (30, 9));
    let limited = divided("validation = 0.25, limit = 12", points(40)).unwrap();
    assert_eq!(limited.validation_set(), trainer.validation_set());
    assert_eq!(limited.train_set(), &trainer.train_set().clone().take(12));
    let other = divided("validation = 0.25, seed = 1", points(40)).unwrap();
    assert_ne!(other.validation_set(), trainer.validation_set());
    let error = divided("validation = 40", points(40)).unwrap_err().to_string();
    assert_eq!(error, "data.validation: expected at most 38 of the 40 training samples, found 40");
    let none = divided("limit = 12", points(40)).unwrap();
    assert!(none.validation_set().is_none() && none.train_set() == &points(40).take(12));
}

#[test]
fn a_set_that_does_not_fit_is_named() {
    let with = |validation: Dataset| {
        let parts = Parts::new(points(20), Some(validation), reversed(20)).unwrap();
        Trainer::new(experiment(LINEAR, "batch = 4\nsteps = 1"), parts, Pool::new(1))
    };
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    let wide = Dataset::new("wide", [3], Features::F32(vec![0.0; 6]), targets).unwrap();
    let error = with(wide).unwrap_err().to_string();
    assert_eq!(error, "model.input is [2], but a sample of the validation set is [3]");
    let parts = Parts::new(heights(20), Some(heights(20).take(0)), heights(20)).unwrap();
    let train = "loss = 'mean_squared_error'\nbatch = 4\nsteps = 1";
    let error = Trainer::new(experiment(LINEAR, train), parts, Pool::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "the validation set has no samples");
}

#[test]
fn a_run_remembers_where_its_samples_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    record(&mut contrary("batch = 30\nsteps = 1"), &path).unwrap();
    let written = fs::read_to_string(path.join("parts.csv")).unwrap();
    let wanted =
        "part,set,first,last\ntrain,train,0,59\nvalidation,validation,0,39\ntest,test,0,29\n";
    assert_eq!(written, wanted);
}

/// A run that cannot get better: its learning rate is so small that no prediction changes.
fn stuck(rule: &str, validation: bool) -> Trainer {
    let train = format!(
        "batch = 10\nsteps = 40\nevaluate_every = 4\nearly_stopping = {{ {rule} }}\n{}",
        sgd(1e-30)
    );
    let own = validation.then(|| points(40).split_off(&Vec::from_iter(20..40), "others"));
    let parts = Parts::new(points(20), own, reversed(20)).unwrap();
    Trainer::new(experiment(LINEAR, &train), parts, Arc::new(Pool::new(1))).unwrap()
}

#[test]
fn a_run_ends_early_when_the_part_that_chooses_does_not_improve() {
    for (rule, steps) in
        [("patience = 1", 4), ("patience = 3", 12), ("patience = 3, metric = 'loss'", 12)]
    {
        for validation in [false, true] {
            let (finished, collected) = run(&mut stuck(rule, validation), None);
            assert_eq!(
                (finished.reason, finished.summary.steps),
                (Reason::StoppedEarly, steps),
                "{rule}"
            );
            assert_eq!(collected.evaluations().next_back().unwrap().step, steps);
            let part = if validation { Part::Validation } else { Part::Test };
            let metric = if rule.contains("loss") { "loss" } else { "accuracy" };
            let selection = Selection { part, metric: metric.into() };
            assert_eq!(finished.summary.selection, selection);
        }
    }
    // Not even once in 40 steps so many.
    let (finished, _) = run(&mut stuck("patience = 11", true), None);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Completed, 40));
    // The last evaluation that may end it is not before the end.
    let (finished, _) = run(&mut stuck("patience = 10", true), None);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Completed, 40));
}

#[test]
fn a_run_that_improves_continues_and_a_small_improvement_does_not_count() {
    let with = |least: f64| {
        let rule = format!(
            "early_stopping = {{ patience = 1, metric = 'loss', min_improvement = {least:?} }}"
        );
        let train = format!("batch = 60\nsteps = 20\nevaluate_every = 2\n{rule}\n{}", sgd(0.5));
        run(&mut contrary(&train), None).0
    };
    assert_eq!(with(0.0).reason, Reason::Completed);
    let early = with(0.1);
    assert_eq!(early.reason, Reason::StoppedEarly);
    assert!((2..20).contains(&early.summary.steps), "{early:?}");
}

#[test]
fn a_pause_changes_nothing_of_early_stopping() {
    use Command::{Pause, Step, Unpause};
    let commands = [(1, Pause), (1, Step), (2, Step), (3, Step), (4, Step), (5, Unpause)];
    let mut observer = EventCollector::commanding(commands);
    let finished = stuck("patience = 3", true).run(None, &mut [&mut observer]);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::StoppedEarly, 12));
    assert!(observer.evaluated().len() > 2 * 4, "pauses are evaluated too");
}

#[test]
fn an_unknown_metric_is_refused_with_those_that_there_are() {
    let train = "batch = 4\nsteps = 1\nearly_stopping = { metric = 'accurracy' }";
    let split = Split { train: points(20), test: points(20) };
    let error = Trainer::new(experiment(LINEAR, train), split, Pool::new(1)).unwrap_err();
    assert!(matches!(error, TrainError::Metric { .. }));
    let want = "train.early_stopping.metric: expected one of loss, accuracy, found \"accurracy\"";
    assert_eq!(error.to_string(), want);
}

#[test]
fn without_classes_the_loss_chooses() {
    let train = "loss = 'mean_squared_error'\nbatch = 4\nsteps = 1";
    let split = Split { train: heights(20), test: heights(20) };
    let mut trainer = Trainer::new(experiment(LINEAR, train), split, Pool::new(1)).unwrap();
    assert_eq!(trainer.selection(), &Selection { part: Part::Test, metric: "loss".into() });
    let evaluated: EvaluatedParts = trainer.evaluate();
    assert!(evaluated.validation.is_none());
    assert_eq!(evaluated.selecting(), &evaluated.test);
}
