//! Predictions as rows of a table, of a CSV file, or as JSON lines.

use std::io::{self, Write};

use diagnostics::table;
use gradus::data::FittedTransforms;
use gradus::data::columns::RowName;
use gradus::runs::RowPrediction;

use crate::output::{csv_line, metric};

/// Classes whose probabilities are shown side by side on a terminal; of more classes the most likely ones.
const SHOWN_CLASSES: usize = 10;
const SHOWN_TOP: usize = 3;

/// How predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum PredictionFormat {
    Table,
    Csv,
    Json,
}

/// Writes predictions as they come.
pub(super) struct PredictionWriter<'a> {
    out: &'a mut dyn Write,
    format: PredictionFormat,
    classes: Vec<String>,
    /// Classes of each row that are written; all if none.
    top: Option<usize>,
    /// The probability from which on the second of two classes is predicted.
    threshold: Option<f64>,
    /// Whether rows come from several inputs.
    several: bool,
    /// Once the first row is known.
    naming: Option<RowNaming>,
}

/// Which columns say what a row is.
#[derive(Clone, Copy)]
struct RowNaming {
    file: bool,
    row: bool,
}

impl RowNaming {
    /// The file and the number of a row, where they are written.
    fn cells(self, input: &str, name: &RowName) -> [Option<String>; 2] {
        let (file, row) = match name {
            RowName::File(file) => (file.clone(), String::new()),
            RowName::Row(row) if self.row => (input.to_owned(), row.to_string()),
            // A table behind pictures.
            RowName::Row(row) => (format!("{input}:{row}"), String::new()),
        };
        [self.file.then_some(file), self.row.then_some(row)]
    }
}

impl<'a> PredictionWriter<'a> {
    pub(super) fn new(
        out: &'a mut dyn Write,
        format: PredictionFormat,
        transforms: &FittedTransforms,
        top: Option<usize>,
        several: bool,
    ) -> Self {
        let n = transforms.target().map_or(0, |target| target.classes().len());
        let classes = (0..n).map(|class| transforms.class_name(class)).collect();
        let is_wide = format == PredictionFormat::Table && n > SHOWN_CLASSES;
        let top = top.or(is_wide.then_some(SHOWN_TOP)).map(|top| top.min(n));
        Self { out, format, classes, top, threshold: None, several, naming: None }
    }

    pub(super) fn with_threshold(self, threshold: Option<f64>) -> Self {
        Self { threshold, ..self }
    }

    /// Writes the predictions for some rows, each with its input and its name there.
    pub(super) fn write(
        &mut self,
        names: &[(String, RowName)],
        predictions: &[RowPrediction],
    ) -> io::Result<()> {
        let [(_, first), ..] = names else { return Ok(()) };
        let is_first = self.naming.is_none();
        let row = matches!(first, RowName::Row(_));
        let naming = *self.naming.get_or_insert(RowNaming { file: self.several || !row, row });
        let rows = names.iter().zip(predictions);
        let rows = rows.map(|((input, name), prediction)| (naming.cells(input, name), prediction));
        if self.format == PredictionFormat::Json {
            for (name, prediction) in rows {
                let line = self.json(name, prediction)?;
                writeln!(self.out, "{line}")?;
            }
            return self.out.flush();
        }
        let headings = self.headings(naming, &predictions[0]);
        let rows = rows.map(|(name, prediction)| {
            let cells = name.into_iter().flatten().chain(self.cells(prediction));
            cells.collect::<Vec<String>>()
        });
        let rows: Vec<_> = rows.collect();
        if self.format == PredictionFormat::Table {
            if !is_first {
                writeln!(self.out)?;
            }
            let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
            table::write(self.out, headings, &rows)?;
        } else {
            if is_first {
                let headings: Vec<&str> = headings.iter().map(|heading| &heading[1..]).collect();
                self.out.write_all(csv_line(headings).as_bytes())?;
            }
            for row in rows {
                self.out.write_all(csv_line(row).as_bytes())?;
            }
        }
        self.out.flush()
    }

    /// What each column is called, with the alignment in a table.
    fn headings(&self, naming: RowNaming, prediction: &RowPrediction) -> Vec<String> {
        let names = [("<file", naming.file), (">row", naming.row)];
        let names = names.into_iter().filter(|(_, is_there)| *is_there);
        let mut headings: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        match prediction {
            RowPrediction::Values(values) if values.len() == 1 => {
                headings.push(">predicted".to_owned())
            }
            RowPrediction::Values(values) => {
                headings.extend((0..values.len()).map(|output| format!(">predicted_{output}")));
            }
            RowPrediction::Class { best, .. } => {
                let score = score_name(best.probability);
                headings.extend(["<predicted".to_owned(), format!(">{score}")]);
                match self.top {
                    Some(top) => headings.extend(
                        (2..=top)
                            .flat_map(|i| [format!("<predicted_{i}"), format!(">{score}_{i}")]),
                    ),
                    None => {
                        headings.extend(self.classes.iter().map(|name| format!(">{score}_{name}")));
                    }
                }
            }
        }
        headings
    }

    /// The cells of a prediction under the headings.
    fn cells(&self, prediction: &RowPrediction) -> Vec<String> {
        let number = |number: f32| match self.format {
            PredictionFormat::Table => metric(number.into()),
            _ => format!("{number:?}"),
        };
        let scores = match prediction {
            RowPrediction::Values(values) => return values.iter().map(|&x| number(x)).collect(),
            RowPrediction::Class { scores, .. } => scores,
        };
        let ranked = self.ranked(scores);
        let (most_likely, others) = match self.top {
            Some(_) => (&ranked[..], &[][..]),
            None => (&ranked[..1], &scores[..]),
        };
        let named = most_likely
            .iter()
            .flat_map(|&class| [self.classes[class].clone(), number(scores[class] as f32)]);
        named.chain(others.iter().map(|&score| number(score as f32))).collect()
    }

    /// A prediction as an object.
    fn json(&self, name: [Option<String>; 2], prediction: &RowPrediction) -> io::Result<String> {
        let number = |number: f32| match number.is_finite() {
            true => format!("{number:?}"),
            false => "null".to_owned(),
        };
        let text = |text: &str| serde_json::to_string(text).map_err(io::Error::from);
        let mut fields = Vec::new();
        let [file, row] = name;
        if let Some(file) = file {
            fields.push(format!("\"file\":{}", text(&file)?));
        }
        if let Some(row) = row.filter(|row| !row.is_empty()) {
            fields.push(format!("\"row\":{row}"));
        }
        match prediction {
            RowPrediction::Values(values) => {
                let values: Vec<_> = values.iter().map(|&value| number(value)).collect();
                let values = values.join(",");
                let is_list =
                    !matches!(prediction, RowPrediction::Values(values) if values.len() == 1);
                fields.push(match is_list {
                    true => format!("\"predicted\":[{values}]"),
                    false => format!("\"predicted\":{values}"),
                });
            }
            RowPrediction::Class { best, scores } => {
                let ranked = self.ranked(scores);
                let score = score_name(best.probability);
                let all = match score {
                    "probability" => "probabilities",
                    _ => "scores",
                };
                fields.push(format!("\"predicted\":{}", text(&self.classes[ranked[0]])?));
                fields.push(format!("\"{score}\":{}", number(scores[ranked[0]] as f32)));
                let shown = match self.top {
                    Some(_) => ranked,
                    None => (0..scores.len()).collect(),
                };
                let each = shown.iter().map(|&class| {
                    let name = text(&self.classes[class])?;
                    Ok(format!("{name}:{}", number(scores[class] as f32)))
                });
                let each: io::Result<Vec<String>> = each.collect();
                fields.push(format!("\"{all}\":{{{}}}", each?.join(",")));
            }
        }
        Ok(format!("{{{}}}", fields.join(",")))
    }

    /// The most likely classes, as many as are written, the first of equals first; of two classes with a threshold the predicted
    /// one first.
    fn ranked(&self, scores: &[f64]) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..scores.len()).collect();
        classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        if let (Some(threshold), &[first, second]) = (self.threshold, scores) {
            let is_second = second / (first + second) >= threshold;
            classes = if is_second { vec![1, 0] } else { vec![0, 1] };
        }
        classes.truncate(self.top.unwrap_or(1));
        classes
    }
}

fn score_name(probability: Option<f64>) -> &'static str {
    if probability.is_some() { "probability" } else { "score" }
}
