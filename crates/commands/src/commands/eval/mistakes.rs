//! The samples that a model is most wrong about, as a table and as CSV.

use std::io::{self, Write};

use diagnostics::table;
use gradus::data::FittedTransforms;
use gradus::data::readers::csv::csv_line;
use gradus::runs::TableRows;
use gradus::runs::measure::{Misclassified, ValueError, WorstMistakes};

use crate::output::metric;

/// A row for each, under names of columns, with the cells of its row of the table.
pub(super) fn to_csv(
    mistakes: &WorstMistakes,
    of_table: &TableRows,
    transforms: &FittedTransforms,
) -> String {
    let heading: Vec<&str> =
        columns(mistakes).into_iter().chain(of_table.columns(transforms)).collect();
    let rows = rows(mistakes, transforms, |number| number.to_string());
    let line = |(cells, sample): ([String; 5], usize)| {
        let of_table = of_table.cells(sample, transforms).unwrap_or_default();
        csv_line(cells.into_iter().chain(of_table).collect::<Vec<_>>())
    };
    csv_line(heading) + &rows.into_iter().zip(mistakes.samples()).map(line).collect::<String>()
}

/// What is written below the picture of each.
pub(super) fn captions(
    mistakes: &WorstMistakes,
    transforms: &FittedTransforms,
) -> Vec<MistakeCaption> {
    let lines: Vec<[String; 2]> = match mistakes {
        WorstMistakes::Classes(mistakes) => {
            let line = |mistake: &Misclassified| {
                let [label, predicted] =
                    [mistake.label, mistake.predicted].map(|class| transforms.class_name(class));
                let score = mistake.predicted_probability.unwrap_or(mistake.predicted_score);
                [label, format!("{predicted} ({score:.2})")]
            };
            mistakes.iter().map(line).collect()
        }
        WorstMistakes::Values(errors) => {
            errors.iter().map(|error| [error.target, error.prediction].map(metric)).collect()
        }
    };
    let caption = |(sample, [label, predicted]): (usize, [String; 2])| MistakeCaption {
        sample,
        label,
        predicted,
    };
    mistakes.samples().into_iter().zip(lines).map(caption).collect()
}

/// The rows as a table under a title; nothing if there are none.
pub(super) fn write(
    mistakes: &WorstMistakes,
    transforms: &FittedTransforms,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows = rows(mistakes, transforms, metric);
    if rows.is_empty() {
        return Ok(());
    }
    let title = match mistakes {
        WorstMistakes::Classes(mistakes) if mistakes[0].label_probability.is_none() => {
            "worst mistakes, by score of the true class"
        }
        WorstMistakes::Classes(_) => "worst mistakes, by probability of the true class",
        WorstMistakes::Values(_) => "largest errors",
    };
    writeln!(out, "\n{title}:")?;
    let headings = columns(mistakes).map(|name| format!(">{}", name.replace('_', " ")));
    table::write(out, headings.each_ref().map(String::as_str), &rows)
}

fn columns(mistakes: &WorstMistakes) -> [&'static str; 5] {
    match mistakes {
        WorstMistakes::Classes(mistakes) => {
            let has_probabilities =
                mistakes.first().is_none_or(|first| first.label_probability.is_some());
            let [of_predicted, of_label] = match has_probabilities {
                true => ["predicted_probability", "label_probability"],
                false => ["predicted_score", "label_score"],
            };
            ["sample", "label", "predicted", of_predicted, of_label]
        }
        WorstMistakes::Values(_) => ["sample", "output", "target", "prediction", "error"],
    }
}

/// The cells of the columns, numbers that are not whole by `number`.
fn rows(
    mistakes: &WorstMistakes,
    transforms: &FittedTransforms,
    number: impl Fn(f64) -> String,
) -> Vec<[String; 5]> {
    let of_class = |mistake: &Misclassified| {
        let [label, predicted] =
            [mistake.label, mistake.predicted].map(|class| transforms.class_name(class));
        let of_predicted = mistake.predicted_probability.unwrap_or(mistake.predicted_score);
        let of_label = mistake.label_probability.unwrap_or(mistake.label_score);
        [mistake.sample.to_string(), label, predicted, number(of_predicted), number(of_label)]
    };
    let of_value = |error: &ValueError| {
        let [target, prediction, difference] =
            [error.target, error.prediction, error.error].map(&number);
        [error.sample.to_string(), error.output.to_string(), target, prediction, difference]
    };
    match mistakes {
        WorstMistakes::Classes(mistakes) => mistakes.iter().map(of_class).collect(),
        WorstMistakes::Values(errors) => errors.iter().map(of_value).collect(),
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
