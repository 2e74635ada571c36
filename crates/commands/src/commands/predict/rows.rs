//! Predictions as rows of a table, of a CSV file, or as JSON lines.

use std::io::{self, Write};

use diagnostics::table;
use gradus::data::FittedTransforms;
use gradus::data::columns::RowName;
use gradus::data::readers::csv::csv_line;
use gradus::runs::{PredictionText, RowPrediction};

use crate::output::metric;

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
    text: PredictionText,
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
        let text = PredictionText::new(transforms);
        let is_wide = format == PredictionFormat::Table && text.classes().len() > SHOWN_CLASSES;
        let text = text.with_top(top.or(is_wide.then_some(SHOWN_TOP)));
        Self { out, format, text, several, naming: None }
    }

    pub(super) fn with_threshold(self, threshold: Option<f64>) -> Self {
        Self { text: self.text.with_threshold(threshold), ..self }
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
        let is_class = matches!(prediction, RowPrediction::Class { .. });
        let of_prediction = self.text.headings(prediction).into_iter().map(|heading| {
            let is_text = is_class && heading.starts_with("predicted");
            format!("{}{heading}", if is_text { '<' } else { '>' })
        });
        names.map(|(name, _)| name.to_owned()).chain(of_prediction).collect()
    }

    /// The cells of a prediction under the headings.
    fn cells(&self, prediction: &RowPrediction) -> Vec<String> {
        self.text.cells(prediction, |number| match self.format {
            PredictionFormat::Table => metric(number.into()),
            _ => format!("{number:?}"),
        })
    }

    /// A prediction as an object.
    fn json(&self, name: [Option<String>; 2], prediction: &RowPrediction) -> io::Result<String> {
        let [file, row] = name;
        let mut line = "{".to_owned();
        if let Some(file) = file {
            line += &format!("\"file\":{},", serde_json::to_string(&file)?);
        }
        if let Some(row) = row.filter(|row| !row.is_empty()) {
            line += &format!("\"row\":{row},");
        }
        self.text.push_json_fields(prediction, &mut line);
        Ok(line + "}")
    }
}
