//! Datasets, trainers and an observer for these tests.

use std::collections::VecDeque;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use events::{Command, EvaluationFinished, Event, RunFinished, Snapshot, StepFinished};
use gradus_train::{Observer, Trainer};
use graph::Pool;
use kernels::random::Stream;
use runs::{Experiment, Split};

/// A network for points of the plane, with two outputs.
pub(crate) const LINEAR: &str = "input = [2]\nlayers = [{ kind = 'linear', units = 2 }]";

/// The settings of plain gradient descent.
pub(crate) fn sgd(learning_rate: f64) -> String {
    format!(
        "optimizer = 'sgd'\nschedule = {{ kind = 'constant', learning_rate = {learning_rate:?} }}"
    )
}

/// Images of 8 × 8 bytes that are used as they are, of which one quarter is brighter than the noise: which one is the class.
pub(crate) fn images(n: usize) -> Dataset {
    let mut random = Stream::new(1, 0);
    let classes: Vec<u32> = (0..n).map(|_| random.below(4) as u32).collect();
    let pixel = |class: u32, at: usize, random: &mut Stream| {
        let quarter = at / 32 * 2 + at % 8 / 4;
        let light = if quarter == class as usize { 120 } else { 0 };
        light + random.below(100) as u8
    };
    let pixels = classes.iter().flat_map(|&class| (0..64).map(move |at| (class, at)));
    let pixels = pixels.map(|(class, at)| pixel(class, at, &mut random)).collect();
    let targets = Targets::Labels { values: classes, classes: 4 };
    Dataset::new("images", [8, 8, 1], Features::U8(pixels), targets).unwrap().divided_by(1.0)
}

/// Points of the plane, of two classes: is the first coordinate larger than the second?
pub(crate) fn points(n: usize) -> Dataset {
    let coordinates = coordinates(n);
    let classes = coordinates.chunks(2).map(|point| u32::from(point[0] > point[1])).collect();
    let targets = Targets::Labels { values: classes, classes: 2 };
    Dataset::new("points", [2], Features::F32(coordinates), targets).unwrap()
}

/// Points of the plane with two numbers each: `2a − b + 0.5` and `a + b`.
pub(crate) fn heights(n: usize) -> Dataset {
    let coordinates = coordinates(n);
    let heights = |point: &[f32]| [2.0 * point[0] - point[1] + 0.5, point[0] + point[1]];
    let values = coordinates.chunks(2).flat_map(heights).collect();
    let targets = Targets::Values { values, width: 2 };
    Dataset::new("heights", [2], Features::F32(coordinates), targets).unwrap()
}

fn coordinates(n: usize) -> Vec<f32> {
    let mut random = Stream::new(2, 0);
    (0..2 * n).map(|_| (2.0 * random.uniform() - 1.0) as f32).collect()
}

/// The numbers of a dataset made of real ones.
pub(crate) fn features(dataset: &Dataset) -> &[f32] {
    let Some(Features::F32(values)) = dataset.features() else { panic!("bytes") };
    values
}

/// An experiment on data in memory; `model` and `train` are the tables' lines.
pub(crate) fn experiment(model: &str, train: &str) -> Experiment {
    let data = "data.source = 'memory'";
    let text = format!("{data}\n[model]\n{model}\n[train]\n{train}\n");
    Experiment::parse("made-up.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

/// A trainer whose training set is its test set.
pub(crate) fn trainer(model: &str, train: &str, dataset: &Dataset) -> Trainer {
    let split = Split { train: dataset.clone(), test: dataset.clone() };
    Trainer::new(experiment(model, train), split, Arc::new(Pool::new(2))).unwrap()
}

/// Keeps all events, and the parameters as the last of them saw them.
#[derive(Default)]
pub(crate) struct EventCollector {
    pub(crate) events: Vec<Event>,
    pub(crate) parameters: Vec<f32>,
    /// What to ask for, each as soon as so many steps are done.
    pub(crate) commands: VecDeque<(u64, Command)>,
}

impl Observer for EventCollector {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        self.events.push(event.clone());
        self.parameters = trainer.saved().parameters.to_vec();
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        let step = self.steps().next_back().map_or(0, |step| step.step);
        assert!(!is_paused || !self.commands.is_empty(), "nobody will ever unpause this run");
        let is_due = self.commands.front().is_some_and(|(after, _)| step >= *after);
        if is_due { self.commands.pop_front().map(|(_, command)| command) } else { None }
    }
}

impl EventCollector {
    pub(crate) fn commanding(commands: impl Into<VecDeque<(u64, Command)>>) -> Self {
        Self { commands: commands.into(), ..Self::default() }
    }

    pub(crate) fn steps(&self) -> impl DoubleEndedIterator<Item = &StepFinished> {
        self.events.iter().filter_map(|event| match event {
            Event::StepFinished(step) => Some(step),
            _ => None,
        })
    }

    pub(crate) fn evaluations(&self) -> impl DoubleEndedIterator<Item = &EvaluationFinished> {
        self.events.iter().filter_map(|event| match event {
            Event::EvaluationFinished(evaluation) => Some(evaluation),
            _ => None,
        })
    }

    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.events.iter().filter_map(|event| match event {
            Event::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        })
    }

    /// The steps of the evaluations.
    pub(crate) fn evaluated(&self) -> Vec<u64> {
        self.evaluations().map(|evaluation| evaluation.step).collect()
    }
}

/// Runs to the end.
pub(crate) fn run(
    trainer: &mut Trainer,
    target_accuracy: Option<f64>,
) -> (RunFinished, EventCollector) {
    let mut recorder = EventCollector::default();
    (trainer.run(target_accuracy, &mut [&mut recorder]), recorder)
}

#[track_caller]
pub(crate) fn assert_close<'a>(
    found: impl IntoIterator<Item = &'a f32>,
    wanted: impl IntoIterator<Item = f64>,
    tolerance: f64,
) {
    let found: Vec<f64> = found.into_iter().copied().map(f64::from).collect();
    let wanted: Vec<f64> = wanted.into_iter().collect();
    let is_close = |(f, w): (&f64, &f64)| (f - w).abs() <= tolerance * (1.0 + w.abs());
    let all = found.len() == wanted.len() && found.iter().zip(&wanted).all(is_close);
    assert!(all, "{found:?}\nis not\n{wanted:?}");
}
