//! A run that is stopped and continues is the run that was not: the same bytes and the same events.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use events::{Command, Event, Fork, Reason, RunFinished};
use gradus_train::{Observer, Recorder, TrainError, Trainer, record};
use graph::Pool;
use kernels::{Float, inlined, vectorize};
use nn::optim::{Optimize, Optimizer, OptimizerState, ParameterRule, StepInfo, UpdateWhole};
use runs::{RunFolder, RunFolderError, SavedModel, Split, StoppedRun, TrainerState};

use crate::made_up::{EventCollector, LINEAR, experiment, images, points};

/// Batch normalisation, dropout, and layers with all kinds of parameters.
const NETWORK: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 3, kernel = 3 }, "batch_norm", "relu", "flatten",
        { kind = "linear", units = 10, freeze = true }, "relu", { kind = "dropout", rate = 0.25 },
        { kind = "linear", units = 4 },
    ]
"#;

const AROUND: &str =
    "lookahead = { steps = 4 }\nema = { decay = 0.9 }\nl2 = 0.001\nclip = { norm = 3 }";

fn split() -> Split {
    Split { train: images(70), test: images(30) }
}

fn trainer(train: &str, threads: usize) -> Trainer {
    Trainer::new(experiment(NETWORK, train), split(), Arc::new(Pool::new(threads))).unwrap()
}

/// A trainer that continues from the bytes of a state.
fn resumed(bytes: &[u8], threads: usize) -> Trainer {
    let state = TrainerState::from_bytes(bytes).unwrap();
    let pool = Arc::new(Pool::new(threads));
    let mut trainer = Trainer::new(state.experiment(), split(), pool).unwrap();
    trainer.resume(state).unwrap();
    trainer
}

/// Keeps the state after some steps, as bytes, and all events after it, as lines.
#[derive(Default)]
struct StateAt {
    steps: Vec<u64>,
    states: Vec<Vec<u8>>,
    lines: Vec<String>,
}

impl Observer for StateAt {
    fn event(&mut self, event: &Event, _: &Trainer) {
        match event {
            Event::RunStarted(_) | Event::RunFinished(_) => {}
            event => self.lines.push(without_times(event)),
        }
    }

    fn between_steps(&mut self, trainer: &Trainer) {
        if self.steps.contains(&trainer.steps_done()) {
            self.states.push(trainer.state().to_bytes().unwrap());
        }
    }
}

/// The line of an event, without what a clock decides.
fn without_times(event: &Event) -> String {
    match event.clone() {
        Event::Snapshot(snapshot) => {
            Event::Snapshot(events::Snapshot { train_secs: 0.0, ..snapshot })
        }
        other => other,
    }
    .to_line()
}

/// Runs a training, and again from each of some steps, with other threads.
#[track_caller]
fn continues_to_the_same_bytes(train: &str, steps: &[u64]) {
    let mut whole = StateAt { steps: steps.to_vec(), ..StateAt::default() };
    let finished = trainer(train, 2).run(None, &mut [&mut whole]);
    for ((state, &step), threads) in whole.states.iter().zip(steps).zip([1, 3].into_iter().cycle())
    {
        let mut rest = StateAt::default();
        let mut trainer = resumed(state, threads);
        let again = trainer.run(None, &mut [&mut rest]);
        let name = format!("{train}\nfrom step {step}");
        assert_eq!(again.summary.weights_digest, finished.summary.weights_digest, "{name}");
        let [all, again] = [&finished, &again].map(|finished| {
            let RunFinished { summary, .. } = finished;
            (summary.best.clone(), summary.train.clone(), summary.test.clone(), summary.epochs)
        });
        assert_eq!(all, again, "{name}");
        let after = |line: &&String| Event::parse(line.as_str()).unwrap().step() > step;
        let expected: Vec<_> = whole.lines.iter().filter(after).collect();
        assert_eq!(rest.lines.iter().collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn a_training_continues_to_the_same_bytes_with_every_optimizer_and_what_is_around_it() {
    for name in Optimizer::NAMES {
        let train = format!(
            "batch = 20\nsteps = 24\nevaluate_every = 5\nreport_every = 3\noptimizer = '{name}'\n\
             schedule = {{ kind = 'one_cycle', max_learning_rate = 0.01 }}\n{AROUND}"
        );
        // Before the first step, in the middle, right after an evaluation, and before the last one.
        continues_to_the_same_bytes(&train, &[0, 7, 10, 23]);
    }
}

#[test]
fn a_training_without_an_average_continues_in_every_order_of_samples() {
    for order in ["shuffled_epochs", "shuffled_drop_last", "with_replacement", "fixed_order"] {
        let train = format!("batch = 20\nsteps = 9\nevaluate_every = 2\norder = '{order}'");
        continues_to_the_same_bytes(&train, &[4, 5]);
    }
}

#[test]
fn a_training_in_shards_continues() {
    continues_to_the_same_bytes("batch = 20\nshards = 3\nsteps = 9\nevaluate_every = 2", &[0, 5]);
}

#[test]
fn a_learning_rate_that_was_set_by_hand_is_kept() {
    let train = "batch = 20\nsteps = 12\nreport_every = 1";
    let set = Command::SetLearningRate { learning_rate: Some(0.05) };
    let mut by_hand = EventCollector::commanding([(3, set)]);
    let mut whole = StateAt { steps: vec![5], ..StateAt::default() };
    let finished = trainer(train, 1).run(None, &mut [&mut by_hand, &mut whole]);
    let again = resumed(&whole.states[0], 2).run(None, &mut []);
    assert_eq!(again.summary.weights_digest, finished.summary.weights_digest);
}

/// What the whole-matrix part of [`Remembering`] adds up.
#[derive(Debug)]
struct GradientSum<T>(Vec<T>);

impl<T: Float> UpdateWhole<T> for GradientSum<T> {
    fn update(
        &mut self,
        _: &Pool,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        _: OptimizerState<'_, T>,
    ) {
        let rate = T::from_f64(step.learning_rate);
        let Self(sums) = self;
        for ((w, sum), &g) in params.iter_mut().zip(sums).zip(grads) {
            *sum += g;
            *w -= rate * *sum;
        }
    }

    fn kept(&self) -> Vec<&[T]> {
        vec![&self.0]
    }

    fn kept_mut(&mut self) -> Vec<&mut [T]> {
        vec![&mut self.0]
    }
}

nn::settings! {
    @serde "nn::serde"
    /// An optimizer of a program, whose rule for whole matrices keeps something of its own.
    pub struct Remembering {}
}

impl<T: Float> Optimize<T> for Remembering {
    fn state_vectors(&self) -> usize {
        0
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], _: OptimizerState<'_, T>) {
        let rate = T::from_f64(step.learning_rate);
        vectorize(inlined!(|| {
            for (w, &g) in params.iter_mut().zip(grads) {
                *w -= rate * g;
            }
        }));
    }

    fn whole(&self, parameters: &[ParameterRule]) -> Option<Box<dyn UpdateWhole<T>>> {
        let len = parameters.last().map_or(0, |rule| rule.range.end);
        Some(Box::new(GradientSum(vec![T::ZERO; len])))
    }
}

#[test]
fn what_an_optimizer_of_a_program_keeps_of_its_own_continues_too() {
    Optimizer::register::<Remembering>("remembering").unwrap();
    continues_to_the_same_bytes("batch = 20\nsteps = 8\noptimizer = 'remembering'", &[3]);
}

/// The message of a trainer that does not continue.
fn refusal(state: TrainerState, train: &str, split: Split) -> String {
    let pool = Arc::new(Pool::new(1));
    let mut other = Trainer::new(experiment(NETWORK, train), split, pool).unwrap();
    let before = other.state();
    let error = other.resume(state).unwrap_err();
    assert!(matches!(error, TrainError::OtherTraining { .. }), "{error:?}");
    let after = other.state();
    assert_eq!((before.trained, before.vectors), (after.trained, after.vectors));
    error.to_string()
}

#[test]
fn another_training_is_refused_with_every_difference() {
    let train = "batch = 20\nsteps = 8";
    let mut trainer = trainer(train, 1);
    trainer.step().unwrap();
    let state = || trainer.state();
    let begin = "cannot continue from the state of step 1: it is of another training\n  ";
    let message = refusal(state(), "batch = 30\nl2 = 0.5\nsteps = 8", split());
    assert_eq!(message, format!("{begin}train.l2: 0.0 → 0.5\n  train.batch: 20 → 30"));

    let message = refusal(state(), "batch = 20\nsteps = 8\nshards = 4", split());
    assert_eq!(message, format!("{begin}train.shards: 1 → 4"));

    let other = Split { train: images(69), test: images(30) };
    let message = refusal(state(), train, other);
    let begins = message.starts_with(&format!("{begin}train data: [70, 8, 8, 1], SHA-256 "));
    assert!(begins && message.contains(" → [69, 8, 8, 1], SHA-256 "), "{message}");
    assert_eq!(message.lines().count(), 2, "the test data is the same");

    let isa = TrainerState {
        progress: runs::TrainingProgress { isa: "z80".into(), ..state().progress },
        ..state()
    };
    let own = kernels::Isa::current().name();
    assert_eq!(refusal(isa, train, split()), format!("{begin}instruction set: z80 → {own}"));

    let mut fewer = state();
    fewer.vectors.remove("optimizer.2");
    let message = refusal(fewer, train, split());
    assert!(message.starts_with(&format!("{begin}optimizer.2: none → ")), "{message}");
}

#[test]
fn a_longer_run_continues_and_a_schedule_follows_the_other_length() {
    let rates = |steps: u64, from: Option<u64>| {
        let train = |steps| {
            format!(
                "batch = 20\nsteps = {steps}\nschedule = {{ kind = 'linear', start = 0.01, end = 0.001 }}"
            )
        };
        let mut first = StateAt { steps: vec![4], ..StateAt::default() };
        let mut events = EventCollector::default();
        let mut all = trainer(&train(steps), 1);
        if let Some(from) = from {
            trainer(&train(from), 1).run(None, &mut [&mut first]);
            all.resume(TrainerState::from_bytes(&first.states[0]).unwrap()).unwrap();
        }
        all.run(None, &mut [&mut events]);
        let Event::RunStarted(started) = &events.events[0] else {
            panic!("{:?}", events.events[0])
        };
        assert_eq!((started.continues, started.steps_planned), (from.map(|_| 4), Some(steps)));
        events.steps().map(|step| (step.step, step.learning_rate)).collect::<Vec<_>>()
    };
    assert_eq!(rates(12, Some(6)), rates(12, None)[4..]);
}

#[test]
fn a_fork_begins_with_parameters_and_optimizer_state_and_other_settings() {
    let train = "batch = 20\nsteps = 8\nevaluate_every = 4";
    let mut whole = StateAt { steps: vec![4], ..StateAt::default() };
    trainer(train, 1).run(None, &mut [&mut whole]);
    let state = || TrainerState::from_bytes(&whole.states[0]).unwrap();
    let fork = |train: &str| {
        let mut fork = trainer(train, 2);
        fork.fork(state(), "first").map(|()| fork)
    };
    // With nothing changed the same steps follow.
    let digest = |mut trainer: Trainer| trainer.run(None, &mut []).summary.weights_digest;
    assert_eq!(digest(fork(train).unwrap()), digest(trainer(train, 1)));
    let other = "batch = 10\nl2 = 0.5\nsteps = 9\nlookahead = {}\nema = {}\nevaluate_every = 4";
    let mut fork_of = fork(other).unwrap();
    assert_eq!(fork_of.current().parameters, state().trained.parameters);
    assert_eq!(fork_of.saved().parameters, state().trained.parameters);
    let (kept, vectors) = (fork_of.state().vectors, state().vectors);
    assert_eq!(
        (&kept["optimizer.1"], &kept["optimizer.2"]),
        (&vectors["optimizer.1"], &vectors["optimizer.2"])
    );
    assert_eq!(kept["lookahead"], state().trained.parameters);
    let mut events = EventCollector::default();
    let finished = fork_of.run(None, &mut [&mut events]);
    assert_eq!((finished.summary.steps, events.evaluated()), (9, vec![4, 8, 9]));
    let Event::RunStarted(started) = &events.events[0] else { panic!("{:?}", events.events[0]) };
    assert_eq!(started.fork_of, Some(Fork { run: "first".into(), step: 4 }));
    assert!(finished.summary.best.values().all(|best| best.step >= 4));

    let error = fork("batch = 20\nsteps = 8\noptimizer = 'sgd'").unwrap_err().to_string();
    assert!(error.contains("\n  train.optimizer: adam → sgd\n  optimizer.1: "), "{error}");
}

/// The files of a run and their bytes.
fn files(run: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in [run.to_owned(), run.join("checkpoints")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(run).unwrap().display().to_string();
            if path.is_file() && name != "lock" {
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Copies a run after a step as a kill would leave it: in the middle of a line of the log.
struct Killed<'a>(u64, &'a Path, &'a Path);

impl Observer for Killed<'_> {
    fn event(&mut self, event: &Event, _: &Trainer) {
        let Self(at, from, to) = *self;
        if matches!(event, Event::StepFinished(step) if step.step == at) {
            fs::create_dir_all(to.join("checkpoints")).unwrap();
            files(from).iter().for_each(|(name, bytes)| fs::write(to.join(name), bytes).unwrap());
            let log = fs::read_to_string(to.join("events.jsonl")).unwrap();
            fs::write(to.join("events.jsonl"), log + "{\"event\":\"step_fin").unwrap();
            fs::write(to.join("checkpoints/step-000099.safetensors.tmp"), "half").unwrap();
        }
    }
}

#[test]
fn a_recorded_run_that_was_killed_has_the_log_of_one_that_was_not() {
    let train = "batch = 20\nsteps = 30\nevaluate_every = 4\ncheckpoint_every = 5\ncheckpoints = 1";
    let folder = tempfile::tempdir().unwrap();
    let [whole, once, twice] = ["whole", "once", "twice"].map(|name| folder.path().join(name));
    let mut first = trainer(train, 2);
    let mut recorder =
        Recorder::new(RunFolder::create(&whole, &first.current().experiment).unwrap());
    let finished = first.run(None, &mut [&mut recorder, &mut Killed(13, &whole, &once)]);
    recorder.finish().unwrap();
    let continue_after = |run: &Path, threads| {
        let stopped = StoppedRun::open(run).unwrap();
        let state = stopped.state(None).unwrap();
        let pool = Arc::new(Pool::new(threads));
        let mut trainer = Trainer::new(state.experiment(), split(), pool).unwrap();
        trainer.resume(state).unwrap();
        let recorder = Recorder::resume(stopped, &trainer).unwrap();
        (trainer, recorder)
    };
    let (mut second, mut recorder) = continue_after(&once, 3);
    assert_eq!(second.steps_done(), 12, "after the evaluation of a tenth");
    second.run(None, &mut [&mut recorder, &mut Killed(24, &once, &twice)]);
    let (mut third, mut recorder) = continue_after(&twice, 1);
    assert_eq!(third.steps_done(), 20);
    let again = third.run(None, &mut [&mut recorder]);
    assert!(recorder.finish().unwrap().is_empty());
    assert_eq!(again.reason, Reason::Completed);
    assert_eq!(again.summary.weights_digest, finished.summary.weights_digest);
    let lines = |run: &Path| {
        let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
        let events: Vec<Event> = text.lines().map(|line| Event::parse(line).unwrap()).collect();
        let is_of_start =
            |event: &Event| matches!(event, Event::RunStarted(_) | Event::RunFinished(_));
        let (starts, rest): (Vec<Event>, Vec<Event>) = events.into_iter().partition(is_of_start);
        (starts.len(), rest.iter().map(without_times).collect::<Vec<_>>())
    };
    let ((starts, all), (more_starts, again)) = (lines(&whole), lines(&twice));
    assert_eq!((starts, more_starts), (2, 4));
    assert_eq!(all, again);
    let names = |run: &Path| files(run).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&whole), names(&twice));
    for file in ["checkpoints/last.safetensors", "checkpoints/best.safetensors"] {
        let [a, b] = [&whole, &twice].map(|run| TrainerState::read(run.join(file)).unwrap());
        assert_eq!((a.trained, a.averaged, a.vectors), (b.trained, b.averaged, b.vectors));
    }
}

#[test]
fn the_best_checkpoint_is_that_of_the_best_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let train = "batch = 20\nsteps = 40\nevaluate_every = 1\nschedule = { kind = 'constant', learning_rate = 0.02 }";
    let finished = record(&mut trainer(train, 1), folder.path().join("run")).unwrap();
    let best = TrainerState::read(folder.path().join("run/checkpoints/best.safetensors")).unwrap();
    assert_eq!(best.progress.step, finished.summary.best["accuracy"].step);
}

#[test]
fn whatever_is_damaged_is_named_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = "batch = 10\nsteps = 20\ncheckpoint_every = 5\nema = {}";
    let make = || {
        let split = Split { train: points(50), test: points(50) };
        Trainer::new(experiment(LINEAR, train), split, Arc::new(Pool::new(1))).unwrap()
    };
    record(&mut make(), &run).unwrap();
    let newest = run.join("checkpoints/last.safetensors");
    let whole = fs::read(&newest).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let expect = |bytes: &[u8], what: &str| {
        fs::write(&newest, bytes).unwrap();
        let before = files(&run);
        let stopped = StoppedRun::open(&run).unwrap();
        let error = stopped.state(None).unwrap_err();
        drop(stopped);
        assert!(
            matches!(error, RunFolderError::Damaged { before: Some(15), .. }),
            "{what}: {error:?}"
        );
        let message = diagnostics::chain(&error);
        let begin = "the checkpoint cannot be used, and the one before it is of step 15: ";
        assert!(message.starts_with(begin) && message.contains("last.safetensors: "), "{message}");
        assert!(message.contains(what), "{what}: {message}");
        assert_eq!(files(&run), before, "{what}");
    };
    for end in (0..whole.len()).step_by(61).chain([header - 1, header, whole.len() - 1]) {
        expect(
            &whole[..end],
            "expected a safetensors file, found another format or a damaged file",
        );
    }
    // Every byte of the header with its padding, of the tensors and of the checksums.
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        expect(&bytes, "damage");
    }
    let mut longer = whole.clone();
    longer.push(0);
    expect(&longer, "a damaged file");

    let state = || TrainerState::from_bytes(&whole).unwrap();
    let mut other = state();
    other.trained.experiment.train.batch = 25;
    other.averaged.as_mut().unwrap().experiment.train.batch = 25;
    expect(&other.to_bytes().unwrap(), "found one of another\n  train.batch: 10 → 25");
    expect(&state().trained.to_bytes().unwrap(), "found a model without the state of its training");
    let newer = String::from_utf8_lossy(&whole[..header]).contains(r#"\"format\":1"#);
    assert!(newer, "the version stands in the text");
    let at = whole.windows(12).position(|bytes| bytes == br#"\"format\":1"#).unwrap();
    let mut bytes = whole.clone();
    bytes[at + 11] = b'2';
    resealed(&mut bytes, header);
    expect(&bytes, "format 2 of checkpoints: expected format 1");
    // The model of a whole file is read by everything that reads models.
    fs::write(&newest, &whole).unwrap();
    assert_eq!(&SavedModel::read(&run).unwrap(), state().evaluated());
}

/// Corrects the checksum of the header.
fn resealed(bytes: &mut [u8], header: usize) {
    let sum = crc32fast::hash(&bytes[..header]).to_le_bytes();
    let text = String::from_utf8_lossy(&bytes[8..header]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = json["state/checksums"]["data_offsets"][0].as_u64().unwrap() as usize;
    bytes[header + at..header + at + 4].copy_from_slice(&sum);
}
