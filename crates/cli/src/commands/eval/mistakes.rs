//! The samples that a model is most wrong about, as a table and as CSV.

use std::borrow::Cow;
use std::io::{self, Write};

use diagnostics::table;
use gradus::data::columns::{Cells, Column, ColumnKind, Table, date_text};
use gradus::data::{FittedTarget, FittedTransforms};
use gradus::runs::measure::{Misclassified, ValueError, WorstMistakes};

use crate::output::{csv_line, metric};

/// A row for each, under names of columns, with the cells of its row of the table.
pub(super) fn to_csv(
    mistakes: &WorstMistakes,
    of_table: &MistakeRows,
    transforms: &FittedTransforms,
) -> String {
    let of_columns = of_table.columns(transforms);
    let names = of_columns.iter().map(|column| column.name.as_str());
    let heading: Vec<&str> = columns(mistakes).into_iter().chain(names).collect();
    let rows = rows(mistakes, transforms, |number| number.to_string());
    let line = |(cells, sample): ([String; 5], usize)| {
        let of_table = of_columns.iter().map(|column| of_table.text(sample, column, transforms));
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
