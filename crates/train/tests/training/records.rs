//! Records of runs: what is written, how much of it, and what happens when something cannot be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use events::{Command, EvaluationFinished, Event, Reason, RunFinished, StepFinished};
use gradus_train::{Observer, Recorder, Trainer, record};
use runs::{RunFolder, RunFolderError, SavedModel};

use crate::made_up::{EventCollector, LINEAR, points, run, trainer};

fn trainer_of(train: &str) -> Trainer {
    trainer(LINEAR, train, &points(50))
}

/// A path in a folder of its own.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    (folder, path)
}

fn recorder(path: &Path, trainer: &Trainer) -> Recorder {
    Recorder::new(RunFolder::create(path, &trainer.saved().experiment).unwrap())
}

fn log(path: &Path) -> Vec<Event> {
    let text = fs::read_to_string(path.join("events.jsonl")).unwrap();
    text.lines().map(|line| Event::parse(line).unwrap()).collect()
}

fn checkpoints(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.join("checkpoints")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn one_call_trains_and_leaves_a_whole_run() {
    let (_folder, path) = place();
    let mut trainer = trainer_of("batch = 10\nsteps = 20\nevaluate_every = 5");
    let finished = record(&mut trainer, &path).unwrap();
    assert_eq!(finished.reason, Reason::Completed);
    let names = ["best", "last", "step-000000", "step-000005", "step-000010", "step-000015"];
    assert_eq!(checkpoints(&path), names.map(|name| format!("{name}.safetensors")));
    let saved = SavedModel::read(path.join(RunFolder::LAST)).unwrap();
    assert_eq!(saved.parameters, trainer.saved().parameters);
    // The log is that of an observer in memory, and says that the model is saved.
    let (_, collected) = run(&mut trainer_of("batch = 10\nsteps = 20\nevaluate_every = 5"), None);
    let events = log(&path);
    assert_eq!(events.len(), collected.events.len());
    let Some(Event::RunFinished(last)) = events.last() else { panic!("{events:?}") };
    assert_eq!(last, &RunFinished { model_saved: Some(true), ..finished });
    let error = record(&mut trainer, &path).unwrap_err();
    assert!(matches!(error, RunFolderError::Exists { .. }), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_a_warning() {
    let (_folder, path) = place();
    let mut trainer = trainer_of("batch = 10\nsteps = 20\nevaluate_every = 5");
    let mut recorder = recorder(&path, &trainer);
    // A folder is in the way of the file.
    fs::create_dir(path.join("checkpoints/step-000010.safetensors")).unwrap();
    let finished = trainer.run(None, &mut [&mut recorder]);
    assert_eq!(finished.reason, Reason::Completed);
    let warnings = recorder.finish().unwrap();
    let is_named = warnings.len() == 1 && warnings[0].to_string().contains("step-000010");
    assert!(is_named, "{warnings:?}");
    let names = ["best", "last", "step-000000", "step-000005", "step-000010", "step-000015"];
    // Nothing is left of the half-written file.
    assert_eq!(checkpoints(&path), names.map(|name| format!("{name}.safetensors")));
    assert!(SavedModel::read(path.join(RunFolder::LAST)).is_ok());
}

#[test]
fn a_folder_that_is_removed_during_the_run_has_the_result_at_the_end() {
    let (_folder, path) = place();
    let mut trainer = trainer_of("batch = 10\nsteps = 20\nevaluate_every = 5");
    let mut recorder = recorder(&path, &trainer);
    let mut remove = RemovesFolder { path: path.clone(), at: 7 };
    let finished = trainer.run(None, &mut [&mut recorder, &mut remove]);
    assert_eq!(finished.reason, Reason::Completed);
    let warnings = recorder.finish().unwrap();
    assert!(!warnings.is_empty(), "checkpoints after it could not be written");
    assert_eq!(
        SavedModel::read(path.join(RunFolder::LAST)).unwrap().parameters,
        trainer.saved().parameters
    );
    let events = log(&path);
    let is_whole = matches!(&events[..], [Event::RunStarted(_), Event::RunFinished(_)]);
    assert!(is_whole && path.join("experiment.toml").exists(), "{events:?}");
}

/// Removes the folder of the run after a step.
struct RemovesFolder {
    path: PathBuf,
    at: u64,
}

impl Observer for RemovesFolder {
    fn event(&mut self, event: &Event, _: &Trainer) {
        if matches!(event, Event::StepFinished(step) if step.step == self.at) {
            fs::remove_dir_all(&self.path).unwrap();
        }
    }
}

#[test]
fn checkpoints_that_failed_are_told_of_at_once_and_the_best_one_is_saved_later() {
    let (_folder, path) = place();
    let mut trainer = trainer_of("batch = 10\nsteps = 20\nevaluate_every = 5");
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let best = path.join("checkpoints/best.safetensors");
    let mut recorder = recorder(&path, &trainer)
        .telling(move |error, _| teller.lock().unwrap().push(error.to_string()));
    // A folder is in the way until the end.
    fs::create_dir(&best).unwrap();
    let mut remove = RemovesFolder { path: best.clone(), at: 20 };
    trainer.run(None, &mut [&mut recorder, &mut remove]);
    let warnings = recorder.finish().unwrap();
    let messages: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(!messages.is_empty() && messages.iter().all(|text| text.contains("best.safetensors")));
    assert_eq!(*told.lock().unwrap(), messages);
    assert!(SavedModel::read(&best).is_ok());
}

#[test]
fn a_final_model_that_cannot_be_written_is_an_error_and_the_log_says_so() {
    let (_folder, path) = place();
    let mut trainer = trainer_of("batch = 10\nsteps = 3");
    let mut recorder = recorder(&path, &trainer);
    fs::create_dir(path.join(RunFolder::LAST)).unwrap();
    trainer.run(None, &mut [&mut recorder]);
    let error = recorder.finish().unwrap_err();
    assert!(error.to_string().contains("last.safetensors"), "{error}");
    let Some(Event::RunFinished(last)) = log(&path).pop() else { panic!("no end") };
    assert_eq!(last.model_saved, Some(false));
    let names = ["best.safetensors", "last.safetensors", "step-000000.safetensors"];
    assert_eq!(checkpoints(&path), names);
}

#[test]
fn with_a_plan_of_any_length_checkpoints_come_by_the_clock_and_the_newest_are_kept() {
    let (_folder, path) = place();
    let plan = "batch = 10\nsteps = 1000000000\nevaluate_every = 1000000000";
    let mut trainer = trainer_of(&format!("{plan}\ncheckpoint_minutes = 1e-9\ncheckpoints = 3"));
    let mut recorder = recorder(&path, &trainer);
    let mut stop = EventCollector::commanding([(40, Command::Stop)]);
    let finished = trainer.run(None, &mut [&mut recorder, &mut stop]);
    assert_eq!((finished.reason, finished.summary.steps), (Reason::Interrupted, 40));
    assert!(recorder.finish().unwrap().is_empty());
    let names = checkpoints(&path);
    assert_eq!(
        names[..3],
        ["best", "last", "step-000000"].map(|name| format!("{name}.safetensors"))
    );
    assert_eq!(names[12..], [38, 39, 40].map(|step| format!("step-{step:06}.safetensors")));
}

#[test]
fn the_log_of_a_million_steps_and_evaluations_is_bounded() {
    let (_folder, path) = place();
    let trainer = trainer_of("batch = 10\nsteps = 1000000\nevaluate_every = 1");
    let mut recorder = recorder(&path, &trainer);
    // A short run with the same plan yields an event of each kind.
    let mut short = EventCollector::commanding([(1, Command::Stop)]);
    let mut other = trainer_of("batch = 10\nsteps = 1000000\nevaluate_every = 1");
    let finished = other.run(None, &mut [&mut short]);
    recorder.event(&short.events[0], &trainer);
    let (first, evaluation) = (short.steps().next().unwrap(), short.evaluations().next().unwrap());
    let evaluation = EvaluationFinished { misclassified: Vec::new(), ..evaluation.clone() };
    // Interrupted at an evaluation that is not among the chosen ones.
    let last = 999_999;
    for step in 1..=last {
        let evaluation = EvaluationFinished { step, ..evaluation.clone() };
        recorder.event(&Event::StepFinished(StepFinished { step, ..first.clone() }), &trainer);
        recorder.event(&Event::EvaluationFinished(evaluation), &trainer);
    }
    recorder.event(&Event::RunFinished(finished), &trainer);
    drop(recorder);
    let (mut steps, mut evaluations) = (0, Vec::new());
    for event in log(&path) {
        match event {
            Event::StepFinished(_) => steps += 1,
            Event::EvaluationFinished(evaluation) => evaluations.push(evaluation.step),
            _ => {}
        }
    }
    assert!((45_000..=100_000).contains(&steps), "{steps}");
    assert!((1900..=2001).contains(&evaluations.len()), "{}", evaluations.len());
    assert_eq!(evaluations.last(), Some(&last));
    assert!(fs::metadata(path.join("events.jsonl")).unwrap().len() < 20_000_000);
}
