//! The samples that a model is most wrong about.

use std::borrow::Cow;
use std::io::{self, Write};

use diagnostics::table;
use gradus::data::columns::{Cells, Column, ColumnKind, Table, date_text};
use gradus::data::{FittedTarget, FittedTransforms, Targets};
use gradus::runs::{Evaluation, class_scores};
use serde::Serialize;

use crate::output::{csv_line, metric};

/// The mistakes of an evaluation, the worst first.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum WorstMistakes {
    /// Misclassified samples, lowest probability of the label first.
    Classes(Vec<Mistake>),
    /// Values, largest error first.
    Values(Vec<ValueError>),
}

#[derive(Debug, Serialize)]
pub(super) struct Mistake {
    sample: usize,
    label: usize,
    predicted: usize,
    /// The scores of the predicted and of the true class.
    predicted_score: f64,
    label_score: f64,
    /// The probabilities of both, if the loss defines probabilities.
    predicted_probability: Option<f64>,
    label_probability: Option<f64>,
    /// The names of label and prediction.
    #[serde(skip)]
    names: [String; 2],
}

#[derive(Debug, Serialize)]
pub(super) struct ValueError {
    sample: usize,
    /// The number of the value among those of the sample.
    output: usize,
    target: f64,
    prediction: f64,
    /// Prediction minus target.
    error: f64,
}

impl WorstMistakes {
    /// Every mistake of an evaluation of these targets.
    pub(super) fn new(
        transforms: &FittedTransforms,
        targets: &Targets,
        evaluation: &Evaluation,
    ) -> Self {
        match targets {
            Targets::Labels { values, .. } => {
                Self::Classes(misclassified(transforms, values, evaluation))
            }
            Targets::Values { values, width } => {
                Self::Values(errors(transforms, values, *width, evaluation))
            }
        }
    }

    /// Misclassified samples; none for values.
    pub(super) fn misclassified(&self) -> Option<usize> {
        match self {
            Self::Classes(mistakes) => Some(mistakes.len()),
            Self::Values(_) => None,
        }
    }

    /// Keeps the worst `n`.
    pub(super) fn truncate(&mut self, n: usize) {
        match self {
            Self::Classes(mistakes) => mistakes.truncate(n),
            Self::Values(errors) => errors.truncate(n),
        }
    }

    /// The number of the sample of each.
    fn samples(&self) -> Vec<usize> {
        match self {
            Self::Classes(mistakes) => mistakes.iter().map(|mistake| mistake.sample).collect(),
            Self::Values(errors) => errors.iter().map(|error| error.sample).collect(),
        }
    }

    /// What is written below the picture of each.
    pub(super) fn captions(&self) -> Vec<MistakeCaption> {
        let caption = |(sample, [label, predicted]): (usize, [String; 2])| MistakeCaption {
            sample,
            label,
            predicted,
        };
        let lines: Vec<[String; 2]> = match self {
            Self::Classes(mistakes) => {
                let line = |mistake: &Mistake| {
                    let [label, predicted] = mistake.names.clone();
                    let score = mistake.predicted_probability.unwrap_or(mistake.predicted_score);
                    [label, format!("{predicted} ({score:.2})")]
                };
                mistakes.iter().map(line).collect()
            }
            Self::Values(errors) => {
                let line = |error: &ValueError| [error.target, error.prediction].map(metric);
                errors.iter().map(line).collect()
            }
        };
        self.samples().into_iter().zip(lines).map(caption).collect()
    }

    /// A row for each, under names of columns, with the cells of its row of the table.
    pub(super) fn to_csv(&self, of_table: &MistakeRows, transforms: &FittedTransforms) -> String {
        let columns = of_table.columns(transforms);
        let names = columns.iter().map(|column| column.name.as_str());
        let heading: Vec<&str> = self.columns().into_iter().chain(names).collect();
        let rows = self.rows(|number| number.to_string()).into_iter().zip(self.samples());
        let line = |(cells, sample): ([String; 5], usize)| {
            let of_table = columns.iter().map(|column| of_table.text(sample, column, transforms));
            csv_line(cells.into_iter().chain(of_table).collect::<Vec<_>>())
        };
        csv_line(heading) + &rows.map(line).collect::<String>()
    }

    /// The rows as a table under a title; nothing if there are none.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self.rows(metric);
        if rows.is_empty() {
            return Ok(());
        }
        let title = match self {
            Self::Classes(mistakes) if mistakes[0].label_probability.is_none() => {
                "worst mistakes, by score of the true class"
            }
            Self::Classes(_) => "worst mistakes, by probability of the true class",
            Self::Values(_) => "largest errors",
        };
        writeln!(out, "\n{title}:")?;
        let headings = self.columns().map(|name| format!(">{}", name.replace('_', " ")));
        table::write(out, headings.each_ref().map(String::as_str), &rows)
    }

    fn columns(&self) -> [&'static str; 5] {
        match self {
            Self::Classes(mistakes) => {
                let has_probabilities =
                    mistakes.first().is_none_or(|first| first.label_probability.is_some());
                let [of_predicted, of_label] = match has_probabilities {
                    true => ["predicted_probability", "label_probability"],
                    false => ["predicted_score", "label_score"],
                };
                ["sample", "label", "predicted", of_predicted, of_label]
            }
            Self::Values(_) => ["sample", "output", "target", "prediction", "error"],
        }
    }

    /// The cells of the columns, numbers that are not whole by `number`.
    fn rows(&self, number: impl Fn(f64) -> String) -> Vec<[String; 5]> {
        match self {
            Self::Classes(mistakes) => {
                let row = |mistake: &Mistake| {
                    let [label, predicted] = mistake.names.clone();
                    let of_predicted =
                        mistake.predicted_probability.unwrap_or(mistake.predicted_score);
                    let of_label = mistake.label_probability.unwrap_or(mistake.label_score);
                    [
                        mistake.sample.to_string(),
                        label,
                        predicted,
                        number(of_predicted),
                        number(of_label),
                    ]
                };
                mistakes.iter().map(row).collect()
            }
            Self::Values(errors) => {
                let row = |error: &ValueError| {
                    let [target, prediction, difference] =
                        [error.target, error.prediction, error.error].map(&number);
                    [
                        error.sample.to_string(),
                        error.output.to_string(),
                        target,
                        prediction,
                        difference,
                    ]
                };
                errors.iter().map(row).collect()
            }
        }
    }
}

/// What is written below the picture of a mistake.
pub(super) struct MistakeCaption {
    pub(super) sample: usize,
    /// The label or the target.
    pub(super) label: String,
    /// The prediction, of a class with its probability or score.
    pub(super) predicted: String,
}

/// The rows of a table that some mistakes are about, before any transform.
pub(super) struct MistakeRows {
    /// The numbers of the samples, ascending.
    samples: Vec<usize>,
    /// How many samples there were before.
    first: usize,
    table: Option<Table>,
}

impl MistakeRows {
    pub(super) fn new(mistakes: &WorstMistakes) -> Self {
        let mut samples = mistakes.samples();
        samples.sort_unstable();
        samples.dedup();
        Self { samples, first: 0, table: None }
    }

    /// Takes what it needs of the rows of a block that are the next samples.
    pub(super) fn add(&mut self, block: &Table, rows: &[usize]) {
        let next = (self.first..).zip(rows);
        let is_needed = |sample: &usize| self.samples.binary_search(sample).is_ok();
        let needed = next.filter(|(sample, _)| is_needed(sample)).map(|(_, &row)| row);
        let needed = block.select(&needed.collect::<Vec<_>>());
        match &mut self.table {
            Some(table) => table.append(needed),
            None => self.table = Some(needed),
        }
        self.first += rows.len();
    }

    /// The columns that can be written as text, without the target.
    fn columns(&self, transforms: &FittedTransforms) -> Vec<&Column> {
        let target = transforms.target().map(FittedTarget::column);
        let is_written = |column: &&Column| {
            !matches!(column.cells, Cells::Arrays { .. }) && Some(&*column.name) != target
        };
        self.table.iter().flat_map(Table::columns).filter(is_written).collect()
    }

    /// The cell of a sample in a column; empty if it is missing.
    fn text(&self, sample: usize, column: &Column, transforms: &FittedTransforms) -> String {
        let row = self.samples.binary_search(&sample).expect("a row of each mistake");
        let mut fitted = transforms.columns().iter();
        let is_date =
            fitted.any(|fitted| fitted.name == column.name && fitted.kind == ColumnKind::Date);
        match &column.cells {
            Cells::Numbers(seconds) if is_date && seconds[row].is_finite() => {
                date_text(seconds[row])
            }
            cells => cells.text(row).map_or(String::new(), Cow::into_owned),
        }
    }
}

fn misclassified(
    transforms: &FittedTransforms,
    labels: &[u32],
    evaluation: &Evaluation,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let predicted = evaluation.rows().zip(evaluation.classes());
    for (sample, ((row, predicted), &label)) in predicted.zip(labels).enumerate() {
        let label = label as usize;
        if predicted == label {
            continue;
        }
        let (scores, probabilities) = (class_scores(row), evaluation.meaning.probabilities(row));
        let probability = |class: usize| probabilities.as_ref().map(|each| each[class]);
        mistakes.push(Mistake {
            sample,
            label,
            predicted,
            predicted_score: scores[predicted].into(),
            label_score: scores[label].into(),
            predicted_probability: probability(predicted),
            label_probability: probability(label),
            names: [label, predicted].map(|class| transforms.class_name(class)),
        });
    }
    let confidence = |mistake: &Mistake| {
        let confidence = mistake.label_probability.unwrap_or(mistake.label_score);
        // NaN is the worst of all.
        if confidence.is_nan() { f64::NEG_INFINITY } else { confidence }
    };
    mistakes.sort_by(|a, b| confidence(a).total_cmp(&confidence(b)));
    mistakes
}

fn errors(
    transforms: &FittedTransforms,
    targets: &[f32],
    width: usize,
    evaluation: &Evaluation,
) -> Vec<ValueError> {
    let pairs = evaluation.predictions.values().iter().zip(targets).enumerate();
    let error = |(i, (&prediction, &target)): (usize, (&f32, &f32))| {
        let (sample, output) = (i / width, i % width);
        let in_unit = |value| match transforms.target() {
            Some(fitted) if !fitted.scales().is_empty() => fitted.value(output, value),
            _ => f64::from(value),
        };
        let (prediction, target) = (in_unit(prediction), in_unit(target));
        ValueError { sample, output, target, prediction, error: prediction - target }
    };
    let mut errors: Vec<ValueError> = pairs.map(error).collect();
    // NaN without a sign is above all numbers in this order.
    errors.sort_by(|a, b| b.error.abs().total_cmp(&a.error.abs()));
    errors
}
