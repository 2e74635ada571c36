//! Sweeps: the same results after a stop, and complete runs.

use data::{Dataset, Features, Targets};
use events::{Command, Event};
use gradus_train::tune::{OpenParts, Sweep, SweepEnd, SweepInputs, SweepObserver, TuneError};
use gradus_train::{Observer, Trainer};
use runs::tune::{SweepRecord, Tuning};
use runs::{
    DataSpec, Experiment, ExperimentError, Parts, RunFolderError, SavedModel, Split, StoppedRun,
};

const TEXT: &str = r#"
    data = { source = "memory", validation = 0.25 }
    model = { input = [2], layers = [{ kind = "linear", units = 4 }, "relu", { kind = "linear", units = 2 }] }
    train = { batch = 20, steps = 40, evaluate_every = 10 }

    [tune]
    trials = 6
    "train.schedule.learning_rate" = { log = [1e-4, 1e-1] }
    "model.layers.1.units" = { whole = [2, 9] }
"#;

fn open(data: &DataSpec) -> Result<Parts, ExperimentError> {
    let set = |name: &str, n: usize| {
        let features: Vec<f32> = (0..2 * n).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        let values = features.chunks(2).map(|pair| u32::from(pair[0] > pair[1])).collect();
        let targets = Targets::Labels { values, classes: 2 };
        Dataset::new(name, [2], Features::F32(features), targets).unwrap()
    };
    let train = set("pairs", 50);
    let targets = Targets::Labels { values: vec![0], classes: 2 };
    let test = Dataset::new("one", [2], Features::F32(vec![0.015, 0.5]), targets)?;
    data.prepare(Split { train, test })
}

fn inputs(open_data: OpenParts<'_>, threads: usize) -> SweepInputs<'_> {
    SweepInputs { open_data, pool: graph::Pool::new(threads).into(), memory_limit: None }
}

/// Stops at the step with this number, counted over all trials.
struct StopAt(u64);

impl Observer for StopAt {
    fn event(&mut self, event: &Event, _trainer: &Trainer) {
        if matches!(event, Event::StepFinished(_)) {
            self.0 = self.0.saturating_sub(1);
        }
    }

    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        (self.0 == 0).then_some(Command::Stop)
    }
}

impl SweepObserver for StopAt {}

/// The record without times.
fn timeless(record: &SweepRecord) -> SweepRecord {
    let mut record = record.clone();
    record.results.iter_mut().for_each(|result| result.seconds = 0.0);
    record
}

#[test]
fn a_sweep_that_is_stopped_and_resumed_finds_the_same() {
    let halving = "trials = 6\nmethod = { kind = 'successive_halving', factor = 2 }";
    for text in [TEXT.to_owned(), TEXT.replace("trials = 6", halving)] {
        let runs = tempfile::tempdir().unwrap();
        let tuning = Tuning::parse("pairs.toml", &text).unwrap();
        let whole = runs.path().join("whole");
        let mut sweep = Sweep::create(tuning.clone(), inputs(&open, 1), &whole).unwrap();
        assert_eq!(sweep.run(&mut []).unwrap(), SweepEnd::Completed);
        let undisturbed = timeless(sweep.record());
        let stopped = runs.path().join("stopped");
        let mut sweep = Sweep::create(tuning, inputs(&open, 2), &stopped).unwrap();
        let mut n_stops = 0;
        // In the middle of trials, and several times in one.
        while sweep.run(&mut [&mut StopAt(17)]).unwrap() == SweepEnd::Interrupted && n_stops < 100 {
            n_stops += 1;
            drop(sweep);
            sweep = Sweep::resume(&stopped, inputs(&open, 1 + n_stops % 2)).unwrap();
        }
        assert!((8..100).contains(&n_stops), "{n_stops} stops");
        assert_eq!(timeless(sweep.record()), undisturbed);
        for result in &undisturbed.results {
            let [one, other] = [&whole, &stopped].map(|path| path.join(&result.run));
            let digest = |path| SavedModel::read(path).unwrap().weights_digest();
            assert_eq!(digest(&one), digest(&other), "{}", result.run);
            // The experiment of a trial is all that it takes to train it again.
            let text = std::fs::read_to_string(one.join("experiment.toml")).unwrap();
            let experiment = Experiment::parse("again.toml", &text).unwrap();
            let parts = open(&experiment.data).unwrap();
            let mut trainer = Trainer::new(experiment, parts, graph::Pool::new(1)).unwrap();
            trainer.run(None, &mut []);
            assert_eq!(trainer.saved().weights_digest(), digest(&one), "{}", result.run);
        }
    }
}

#[test]
fn a_trial_that_another_process_trains_is_left_alone() {
    let runs = tempfile::tempdir().unwrap();
    let path = runs.path().join("sweep");
    let tuning = Tuning::parse("pairs.toml", TEXT).unwrap();
    let mut sweep = Sweep::create(tuning, inputs(&open, 1), &path).unwrap();
    assert_eq!(sweep.run(&mut [&mut StopAt(17)]).unwrap(), SweepEnd::Interrupted);
    let trial = path.join("trial-001");
    let other = StoppedRun::open(&trial).unwrap();
    let files = || std::fs::read_dir(&trial).unwrap().count();
    let n_files = files();
    let error = sweep.run(&mut []).unwrap_err();
    assert!(matches!(error, TuneError::Run(RunFolderError::InUse { .. })), "{error}");
    assert_eq!(files(), n_files);
    drop(other);
    assert_eq!(sweep.run(&mut []).unwrap(), SweepEnd::Completed);
}

#[test]
fn nothing_is_written_if_a_range_does_not_fit_the_data() {
    let runs = tempfile::tempdir().unwrap();
    for (from, to, message) in [
        (
            "\"model.layers.1.units\" = { whole = [2, 9] }",
            "\"train.batch\" = { choice = [4, 40] }",
            "train.batch = 40: train.batch: expected at most the 37 samples of the training set",
        ),
        ("validation = 0.25", "limit = 40", "expected data with a validation part"),
        (
            "trials = 6",
            "select = 'validation.f1'",
            "expected one of validation.loss, validation.accuracy",
        ),
    ] {
        assert!(TEXT.contains(from), "{from}");
        let tuning = Tuning::parse("pairs.toml", &TEXT.replace(from, to)).unwrap();
        let refused = Sweep::create(tuning, inputs(&open, 1), &runs.path().join("sweep")).err();
        let Some(TuneError::Experiment(error)) = refused else { panic!("{to}") };
        let error = error.to_string();
        assert!(error.starts_with("pairs.toml:") && error.contains(message), "{error}");
    }
    assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0);
}
