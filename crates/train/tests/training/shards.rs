//! Training in shards: bytes that depend on their number, and on nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use events::Event;
use gradus_train::{Observer, TrainError, Trainer};
use graph::testing::thread_group::in_threads;
use graph::{Compile, MemoryLimit, Pool};
use nn::{Mode, Objective};
use random_networks::{RandomTrial, SEEDS, network};
use runs::{Experiment, Split, TrainerState, presets};

use crate::made_up::{EventCollector, run};

const SHARDS: [usize; 4] = [2, 3, 5, 8];
const PRESETS: [&str; 4] = ["five-relu", "conv-dropout", "bn-conv", "resnet-mini"];

fn digits() -> Dataset {
    let pixels = (0..30 * 784_u64).map(|i| (i * i * 31 % 251) as u8).collect();
    let targets = Targets::Labels { values: (0..30).map(|i| i * 7 % 10).collect(), classes: 10 };
    Dataset::new("digits", [28, 28, 1], Features::U8(pixels), targets).unwrap()
}

fn preset(name: &str) -> Experiment {
    presets::find(name).unwrap().experiment()
}

/// The losses of some steps and the digest of the weights after them.
fn digest(name: &str, batch: usize, shards: usize, threads: usize) -> (Vec<u64>, String) {
    let mut experiment = preset(name);
    experiment.train.batch = batch;
    experiment.train.shards = shards;
    experiment.train.clip.norm = Some(1.0);
    let split = Split { train: digits(), test: digits() };
    let mut trainer = Trainer::new(experiment, split, Arc::new(Pool::new(threads))).unwrap();
    let losses = (0..3).map(|_| trainer.step().unwrap().metrics.loss().to_bits()).collect();
    (losses, trainer.saved().weights_digest())
}

#[test]
fn presets_have_bytes_of_their_own_for_each_number_of_shards_and_the_same_for_any_of_threads() {
    for name in PRESETS {
        let mut digests = Vec::new();
        // The last has more shards than samples.
        for (batch, shards) in [(13, 1), (13, 2), (13, 3), (13, 5), (13, 8), (5, 8)] {
            let alone = digest(name, batch, shards, 1);
            for threads in [2, 3] {
                let found = digest(name, batch, shards, threads);
                assert_eq!(found, alone, "{name}, {batch} in {shards} shards, {threads} threads");
            }
            assert!(!digests.contains(&alone), "{name}, {batch} in {shards} shards");
            digests.push(alone);
        }
    }
}

/// Everything that a process reports of a run but the time, as text, since NaN does not equal itself; and what it has after
/// the last step, numbers as their bits.
fn reported(trainer: Result<Trainer, TrainError>) -> (Vec<String>, Vec<(String, Vec<u32>)>) {
    let mut trainer = trainer.unwrap_or_else(|error| panic!("{error}"));
    let (_, EventCollector { mut events, .. }) = run(&mut trainer, None);
    events.retain(|event| !matches!(event, Event::RunStarted(_) | Event::RunFinished(_)));
    let reported = events.into_iter().map(|mut event| {
        if let Event::Snapshot(snapshot) = &mut event {
            snapshot.train_secs = 0.0;
        }
        format!("{event:?}")
    });
    let TrainerState { trained, averaged, vectors, .. } = trainer.state();
    let models = [Some(trained), averaged].into_iter().flatten();
    let models = models.flat_map(|model| [model.parameters, model.running_statistics]);
    let models = models.map(|numbers| ("model".to_owned(), numbers));
    let state = models.chain(vectors).map(|(name, numbers)| {
        let bits = numbers.into_iter().map(f32::to_bits);
        (name, bits.collect())
    });
    (reported.collect(), state.collect())
}

#[test]
fn processes_report_and_train_the_same_bytes_as_one() {
    let around = [
        ("train.clip", "{ norm = 0.5 }"),
        ("train.lookahead", "{ steps = 2 }"),
        ("train.ema", "{ decay = 0.8 }"),
    ];
    let with = |optimizer| [&[("train.optimizer", optimizer)], &around[..]].concat();
    let changed = [("five-relu", with("adamw")), ("conv-dropout", with("muon"))];
    let cases = PRESETS.map(|name| (name, Vec::new())).into_iter().chain(changed);
    for (name, settings) in cases {
        let settings = settings.iter().map(|&(path, value)| (path.to_owned(), value.to_owned()));
        let text = presets::find(name).unwrap().text;
        let mut experiment =
            Experiment::parse_with(name, text, &settings.collect::<Vec<_>>()).unwrap();
        let train = &mut experiment.train;
        (train.batch, train.shards, train.report_every) = (13, 8, 1);
        (train.epochs, train.steps) = (None, Some(3));
        let parts = || Split { train: digits(), test: digits() };
        let expected = reported(Trainer::new(experiment.clone(), parts(), Pool::new(1)));
        assert!(expected.0.iter().any(|event| event.starts_with("Snapshot")));
        for (n, threads) in [(1, 2), (2, 1), (3, 2), (5, 1), (8, 1)] {
            let found = in_threads(n, |group| {
                let pool = Pool::new(threads);
                let bytes = MemoryLimit::default().bytes;
                reported(Trainer::in_group(experiment.clone(), parts(), pool, bytes, group))
            });
            for (rank, found) in found.into_iter().enumerate() {
                let place = format!("{name}: process {rank} of {n}, {threads} threads");
                assert_eq!(found.0, expected.0, "{place}");
                assert!(found.1 == expected.1, "{place}: another state");
            }
        }
    }
}

#[test]
fn a_process_has_the_state_when_it_is_saved() {
    let mut experiment = preset("five-relu");
    let train = &mut experiment.train;
    (train.batch, train.shards, train.epochs, train.steps) = (13, 4, None, Some(20));
    (train.checkpoint_every, train.evaluate_every) = (Some(8), Some(1000));
    let parts = || Split { train: digits(), test: digits() };
    let states_of = |mut trainer: Trainer| {
        let mut states = StateCollector::default();
        trainer.run(None, &mut [&mut states]);
        states.0
    };
    let alone = states_of(Trainer::new(experiment.clone(), parts(), Pool::new(1)).unwrap());
    let of_processes = in_threads(3, |group| {
        let bytes = MemoryLimit::default().bytes;
        states_of(
            Trainer::in_group(experiment.clone(), parts(), Pool::new(1), bytes, group).unwrap(),
        )
    });
    for states in of_processes {
        assert_eq!(states.keys().collect::<Vec<_>>(), [&0, &8, &16], "of 20 steps");
        for (step, vectors) in states {
            assert!(vectors == alone[&step], "after step {step}");
        }
    }
}

/// What the optimizer keeps after each step after which the trainer has all of it.
#[derive(Default)]
struct StateCollector(BTreeMap<u64, BTreeMap<String, Vec<f32>>>);

impl Observer for StateCollector {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}

    fn between_steps(&mut self, trainer: &Trainer) {
        if trainer.has_state() {
            let state = trainer.state();
            self.0.insert(state.progress.step, state.vectors);
        }
    }
}

#[test]
fn each_process_needs_a_shard_and_each_shard_a_sample() {
    for (batch, shards) in [(13, 2), (5, 8)] {
        let mut experiment = preset("five-relu");
        (experiment.train.batch, experiment.train.shards) = (batch, shards);
        let found = in_threads(3, |group| {
            let parts = Split { train: digits(), test: digits() };
            let bytes = MemoryLimit::default().bytes;
            let trainer = Trainer::in_group(experiment.clone(), parts, Pool::new(1), bytes, group);
            trainer.unwrap_err().to_string()
        });
        let expected = format!(
            "train.shards: expected from 3, one for each process, to {batch}, the samples of a batch, found {shards}"
        );
        assert_eq!(found, [&*expected; 3]);
    }
}

/// The largest distance of loss and gradients in shards from those of one shard, in the L2 norm, relative.
fn distance(trial: &RandomTrial<f64>) -> f64 {
    let numbers = |shards| {
        let program = trial.run(&Compile { shards, ..Compile::default() });
        [program.gradients(), &[program.scalar(trial.model.loss)]].concat()
    };
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let plain = numbers(1);
    let distances = SHARDS.map(|shards| {
        let found = numbers(shards);
        norm(&mut found.iter().zip(&plain).map(|(f, p)| f - p)) / norm(&mut plain.iter().copied())
    });
    distances.into_iter().fold(0.0, f64::max)
}

#[test]
fn gradients_in_double_precision_are_those_of_one_shard() {
    let of_presets = PRESETS.map(|name| (name.to_owned(), preset(name).model));
    let random = SEEDS.map(|seed| (format!("random {seed}"), network(seed)));
    for (name, network) in of_presets.into_iter().chain(random) {
        for batch in [3, 37] {
            let objective = Objective::default();
            let trial = RandomTrial::<f64>::new(&network, &objective, Mode::Train, batch, 7);
            let found = distance(&trial);
            assert!(found <= 1e-12, "{name}, batch {batch}: {found:e}");
        }
    }
}
