//! What the events of a log become.

use data::Dataset;
use events::{
    EvaluationFinished, Event, Metrics, Part, Quantiles, RunFinished, RunStarted, Snapshot,
    StepFinished,
};
use nn::{ParameterRole, ParameterSpec};
use runs::Experiment;

use crate::histogram::histogram;
use crate::proto::{EventProto, ImageProto, SessionLogProto, SummaryProto, ValueProto};
use crate::{hparams, pictures};

/// The version of the format: since this one, the start of a session tells readers which events no longer count.
const VERSION: &str = "brain.Event:2";

/// What is known of a run besides its events.
pub(crate) struct RunContext<'a> {
    /// The experiment.
    pub(crate) experiment: &'a Experiment,
    /// The parameters of its network.
    pub(crate) parameters: &'a [ParameterSpec],
    /// The parameter vector at the end of the run, if it is known.
    pub(crate) last_values: Option<&'a [f32]>,
    /// The validation set and the test set, if they are known.
    pub(crate) validation: Option<&'a Dataset>,
    /// See `validation`.
    pub(crate) test: Option<&'a Dataset>,
}

/// How a file begins.
pub(crate) fn version(wall_time: f64) -> EventProto {
    EventProto { wall_time, file_version: Some(VERSION.to_owned()), ..EventProto::default() }
}

/// What an event becomes, if there is anything in it to show.
pub(crate) fn summary(event: &Event, run: &RunContext<'_>, wall_time: f64) -> Vec<EventProto> {
    let values = match event {
        Event::RunStarted(started) => return start(started, run, wall_time),
        Event::StepFinished(step) => of_step(step),
        Event::EvaluationFinished(evaluation) => of_evaluation(evaluation, run),
        Event::Snapshot(snapshot) => of_snapshot(snapshot, run),
        Event::RunFinished(finished) => end(finished, run, wall_time),
        _ => return Vec::new(),
    };
    vec![of_values(event.step(), values, wall_time)]
}

fn of_values(step: u64, value: Vec<ValueProto>, wall_time: f64) -> EventProto {
    let summary = Some(SummaryProto { value });
    EventProto { wall_time, step: step as i64, summary, ..EventProto::default() }
}

/// The start of a session. A run that continues from a step overrides what was written of later ones.
fn start(started: &RunStarted, run: &RunContext<'_>, wall_time: f64) -> Vec<EventProto> {
    let step = started.continues.map_or(0, |step| step + 1);
    let session_log = Some(SessionLogProto::START);
    let session = EventProto { wall_time, step: step as i64, session_log, ..EventProto::default() };
    let settings = hparams::start(run.experiment, wall_time);
    vec![session, of_values(step, vec![settings], wall_time)]
}

fn scalar(tag: String, value: f64) -> ValueProto {
    ValueProto { tag, simple_value: Some(value as f32), ..ValueProto::default() }
}

fn picture(tag: String, image: ImageProto) -> ValueProto {
    ValueProto { tag, image: Some(image), ..ValueProto::default() }
}

fn metrics(metrics: &Metrics, part: Part) -> impl Iterator<Item = ValueProto> {
    metrics.iter().map(move |(name, value)| scalar(format!("{name}/{part}"), value))
}

fn of_step(step: &StepFinished) -> Vec<ValueProto> {
    let others = [
        ("optimizer/penalty", step.penalty),
        ("optimizer/learning_rate", step.learning_rate),
        ("optimizer/grad_norm", step.grad_norm),
        ("time/epoch", step.epoch),
    ];
    let others = others.map(|(tag, value)| scalar(tag.to_owned(), value));
    metrics(&step.metrics, Part::Train).chain(others).collect()
}

fn of_evaluation(evaluation: &EvaluationFinished, run: &RunContext<'_>) -> Vec<ValueProto> {
    let EvaluationFinished { part, misclassified, .. } = evaluation;
    let set = if *part == Part::Validation { run.validation } else { run.test };
    let samples = misclassified.iter().map(|(sample, _)| *sample as usize);
    let image = set.and_then(|set| pictures::samples(set, samples));
    let image = image.map(|image| picture(format!("misclassified/{part}"), image));
    metrics(&evaluation.metrics, *part).chain(image).collect()
}

fn of_snapshot(snapshot: &Snapshot, run: &RunContext<'_>) -> Vec<ValueProto> {
    let count_of = |is_counted: &dyn Fn(&ParameterSpec) -> bool| {
        let counted = run.parameters.iter().filter(|spec| is_counted(spec));
        counted.map(|spec| spec.range.len()).sum()
    };
    let value = |tag: String, quantiles: &Quantiles, count: usize| ValueProto {
        tag,
        histo: Some(histogram(quantiles, count)),
        ..ValueProto::default()
    };
    let pooled = [
        ("all/weights", &snapshot.weights, &[ParameterRole::Weight][..]),
        ("all/biases", &snapshot.biases, &[ParameterRole::Bias, ParameterRole::Offset]),
    ];
    let pooled = pooled.into_iter().filter_map(|(tag, quantiles, roles)| {
        let count = count_of(&|spec| roles.contains(&spec.role));
        Some(value(tag.to_owned(), quantiles.as_ref()?, count))
    });
    let singles = snapshot.parameters.iter().flat_map(|parameter| {
        let path = format!("{}.{}", parameter.layer, parameter.part);
        let count = count_of(&|spec| spec.path == path);
        let kinds = [
            ("values", Some(&parameter.values)),
            ("gradients", parameter.gradients.as_ref()),
            ("updates", parameter.updates.as_ref()),
        ];
        let known = kinds.into_iter().filter_map(|(kind, quantiles)| Some((kind, quantiles?)));
        known
            .map(|(kind, quantiles)| value(format!("{kind}/{path}"), quantiles, count))
            .collect::<Vec<_>>()
    });
    let time = scalar("time/train_secs".to_owned(), snapshot.train_secs);
    pooled.chain(singles).chain([time]).collect()
}

fn end(finished: &RunFinished, run: &RunContext<'_>, wall_time: f64) -> Vec<ValueProto> {
    let RunFinished { summary, .. } = finished;
    let times = [
        ("time/samples_per_second", summary.samples_per_second),
        ("time/wall_seconds", summary.wall_seconds),
    ];
    let times = times.map(|(tag, value)| scalar(tag.to_owned(), value));
    let filters = run
        .last_values
        .and_then(|values| pictures::filters(&run.experiment.model.input, run.parameters, values));
    let filters = filters.map(|(path, image)| picture(format!("filters/{path}"), image));
    times.into_iter().chain(filters).chain([hparams::end(finished, wall_time)]).collect()
}
