//! `eval`: evaluate a saved model.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::data::{Dataset, Targets, readers};
use gradus::events::{Metrics, Part};
use gradus::graph::Pool;
use gradus::nn::losses::Prediction;
use gradus::runs::{Evaluation, Evaluator, SavedModel, class_scores, predicted_class};

use crate::output::{metric, print, thousands};
use crate::threads::ThreadsArgs;

/// Evaluate a saved model: loss, accuracy, confusion matrix, worst mistakes.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Set of the run to evaluate on, made again from its experiment: train, validation or test.
    #[arg(long, value_name = "SET", default_value = "test", value_parser = part, conflicts_with = "data")]
    part: Part,

    /// IDX files to evaluate on instead, plain or gzipped.
    #[arg(long, num_args = 2, value_names = ["IMAGES", "LABELS"])]
    data: Option<Vec<PathBuf>>,

    /// Number of mistakes to list.
    #[arg(long, value_name = "N", default_value_t = 10)]
    mistakes: usize,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn part(name: &str) -> Result<Part, String> {
    let parts = [Part::Train, Part::Validation, Part::Test];
    let found = parts.into_iter().find(|part| part.to_string() == name);
    found.ok_or_else(|| "expected train, validation or test".into())
}

pub(crate) fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = SavedModel::read(&args.model)?;
    let experiment = &model.experiment;
    let dataset = match args.data.as_deref() {
        Some([images, labels]) => {
            let classes = experiment.train.loss.classes(experiment.model.outputs()?);
            model.transforms.encode_dataset(readers::idx::read(images, labels, classes)?)?
        }
        _ => {
            let parts = experiment.data.open(gradus::mnist)?;
            let set = parts.get(args.part).context(
                "--part validation: the run has no validation set, expected data.validation in its experiment",
            )?;
            set.clone()
        }
    };
    let (found, expected) = (dataset.sample_shape(), &experiment.model.input[..]);
    ensure!(
        found == expected,
        "{}: expected samples of {expected:?}, found {found:?}",
        dataset.name()
    );
    ensure!(!dataset.is_empty(), "{}: expected at least one sample, found none", dataset.name());
    let pool = Pool::new(ThreadsArgs::default().count());
    let evaluation = Evaluator::new(experiment, &dataset)?.evaluate(Some(&pool), &dataset, &model);
    let prediction = experiment.train.loss.prediction();
    let report = EvalReport::new(&dataset, &evaluation, prediction, args.mistakes);
    print(out, args.json, &report, EvalReport::write)
}

/// The most classes of a confusion matrix: a larger one could not be read.
const MOST_CLASSES: usize = 1000;

/// The results of an evaluation.
#[derive(Debug, serde::Serialize)]
struct EvalReport {
    data: String,
    samples: usize,
    metrics: Metrics,
    /// Samples whose prediction is not the label, if there are labels.
    misclassified: Option<usize>,
    /// `confusion[l][p]`: samples with label `l` and prediction `p`; empty for more than [`MOST_CLASSES`].
    confusion: Vec<Vec<usize>>,
    /// Misclassified samples, lowest probability of the label first.
    worst_mistakes: Vec<Mistake>,
}

#[derive(Debug, serde::Serialize)]
struct Mistake {
    sample: usize,
    label: usize,
    predicted: usize,
    /// The scores of the predicted and of the true class.
    predicted_score: f64,
    label_score: f64,
    /// The probabilities of both, if the loss defines probabilities.
    predicted_probability: Option<f64>,
    label_probability: Option<f64>,
}

impl EvalReport {
    fn new(
        dataset: &Dataset,
        evaluation: &Evaluation,
        prediction: Prediction,
        n_mistakes: usize,
    ) -> Self {
        let mut report = Self {
            data: dataset.name().to_owned(),
            samples: dataset.len(),
            metrics: evaluation.metrics.clone(),
            misclassified: None,
            confusion: Vec::new(),
            worst_mistakes: Vec::new(),
        };
        let Targets::Labels { values, classes } = dataset.targets() else { return report };
        let size = if *classes > MOST_CLASSES { 0 } else { *classes };
        report.confusion = vec![vec![0; size]; size];
        for (sample, (row, &label)) in evaluation.rows().zip(values).enumerate() {
            let (predicted, label) = (predicted_class(row), label as usize);
            if let Some(predictions) = report.confusion.get_mut(label) {
                predictions[predicted] += 1;
            }
            if predicted != label {
                let scores = class_scores(row);
                let probability = prediction.probabilities(row);
                let of = |class: usize| probability.as_ref().map(|each| each[class]);
                report.worst_mistakes.push(Mistake {
                    sample,
                    label,
                    predicted,
                    predicted_score: f64::from(scores[predicted]),
                    label_score: f64::from(scores[label]),
                    predicted_probability: of(predicted),
                    label_probability: of(label),
                });
            }
        }
        report.misclassified = Some(report.worst_mistakes.len());
        let confidence =
            |mistake: &Mistake| mistake.label_probability.unwrap_or(mistake.label_score);
        report.worst_mistakes.sort_by(|a, b| confidence(a).total_cmp(&confidence(b)));
        report.worst_mistakes.truncate(n_mistakes);
        report
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut fields = vec![
            ("data".to_owned(), self.data.clone()),
            ("samples".to_owned(), thousands(self.samples as u64)),
        ];
        for (name, value) in self.metrics.iter() {
            let mut text = metric(value);
            if let Some(mistakes) = self.misclassified.filter(|_| name == "accuracy") {
                let mistakes = thousands(mistakes as u64);
                text = format!("{text} ({mistakes} misclassified)");
            }
            fields.push((name.replace('_', " "), text));
        }
        table::fields(out, &fields)?;
        let Some(most) = self.confusion.iter().flatten().max() else { return Ok(()) };
        writeln!(out, "\nconfusion matrix (rows: label, columns: prediction):")?;
        let width = most.to_string().len().max(2);
        let numbers = |row: &[usize]| -> String {
            row.iter().map(|number| format!(" {number:>width$}")).collect()
        };
        writeln!(out, "    {}", numbers(&Vec::from_iter(0..self.confusion.len())))?;
        for (class, row) in self.confusion.iter().enumerate() {
            writeln!(out, "{class:>3} {}", numbers(row))?;
        }
        let Some(worst) = self.worst_mistakes.first() else { return Ok(()) };
        let (measure, headings) = match worst.label_probability {
            Some(_) => ("probability", [">p(predicted)", ">p(label)"]),
            None => ("score", [">score(predicted)", ">score(label)"]),
        };
        writeln!(out, "\nworst mistakes, by {measure} of the true class:")?;
        let rows = self.worst_mistakes.iter().map(|mistake| {
            let numbers = [mistake.sample, mistake.label, mistake.predicted];
            let [sample, label, predicted] = numbers.map(|number| number.to_string());
            let probabilities = mistake.predicted_probability.zip(mistake.label_probability);
            let [of_predicted, of_label] = match probabilities {
                Some((predicted, label)) => [format!("{predicted:.4}"), format!("{label:.2e}")],
                None => [mistake.predicted_score, mistake.label_score]
                    .map(|score| format!("{score:.4}")),
            };
            [sample, label, predicted, of_predicted, of_label]
        });
        let headings = [">sample", ">label", ">predicted", headings[0], headings[1]];
        table::write(out, headings, &rows.collect::<Vec<_>>())
    }
}
