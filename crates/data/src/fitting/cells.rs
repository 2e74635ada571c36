//! Cells of rows become features one by one.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::messages::MISSING_CELL;
use super::rows::known;
use super::{FittedTransforms, RowBuffer};
use crate::CellValue;
use crate::columns::{CellNotation, ColumnKind, DateFormat, number_text};
use crate::mistakes::quoted;
use crate::transforms::UNSEEN;

/// Makes features of the cells of rows one by one, without a table: for a program that gets many rows of the same columns.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use gradus_data::{CellEncoder, RowBuffer, TransformPlan, columns::TableOptions, readers::csv::CsvFile};
/// let text = "size,kind,class\n1.5,a,x\n2.5,b,y\n";
/// let train = CsvFile::from_bytes("train.csv", text.as_bytes(), &TableOptions::default())?;
/// let encoder = CellEncoder::new(Arc::new(TransformPlan::default().fit(&train, &|_| true)?));
/// let (mut buffer, mut features) = (RowBuffer::default(), [0.0; 3]);
/// for (name, value) in [("kind", "b".into()), ("size", 2.0.into())] {
///     let column = encoder.position(name).expect("a column of the model");
///     encoder.encode(column, value, &mut buffer, &mut features).expect("a cell of its form");
/// }
/// assert_eq!(features, [0.0, 0.0, 1.0]);
/// # Ok::<(), gradus_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CellEncoder {
    fitted: Arc<FittedTransforms>,
    columns: Vec<CellColumn>,
    positions: HashMap<String, usize>,
}

/// What is known of a column before its first cell.
#[derive(Clone, Debug)]
struct CellColumn {
    /// Its features among those of a row.
    features: Range<usize>,
    /// The code of each category of the training part.
    codes: HashMap<String, f64>,
    /// How its dates are written.
    dates: DateFormat,
    /// The elements of an array.
    elements: usize,
    /// Its first transforms, which are applied: numbers of an array may not be divided yet.
    applied: usize,
}

/// A cell that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellFault {
    /// What was given.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

impl fmt::Display for CellFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found {}, expected {}", self.found, self.expected)
    }
}

impl CellEncoder {
    /// For rows of the columns that were fitted.
    pub fn new(fitted: Arc<FittedTransforms>) -> Self {
        let written = fitted.table();
        let columns = fitted.columns().iter().zip(fitted.feature_ranges());
        let columns = columns.map(|(column, features)| {
            let notation = written.iter().find(|written| written.name == column.name);
            let stored = column.stored().filter(|_| fitted.columns().len() == 1);
            let applied = stored.map_or(&*column.transforms, |(transforms, _)| transforms);
            CellColumn {
                features,
                codes: column
                    .codes()
                    .into_iter()
                    .map(|(name, code)| (name.to_owned(), code))
                    .collect(),
                dates: match notation.and_then(|written| written.notation) {
                    Some(CellNotation::Date(format)) => format,
                    _ => DateFormat::YearFirst,
                },
                elements: column.shape.iter().product(),
                applied: applied.len(),
            }
        });
        let columns = columns.collect();
        let names = fitted.columns().iter().map(|column| column.name.clone());
        let positions = names.zip(0..).collect();
        Self { fitted, columns, positions }
    }

    /// What was fitted.
    pub fn fitted(&self) -> &Arc<FittedTransforms> {
        &self.fitted
    }

    /// The position of a column among [`FittedTransforms::columns`], if the model takes it.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Writes the features of a cell of the column at a position to those of its row, as those of
    /// [`encode_rows`](FittedTransforms::encode_rows): what a cell becomes depends on nothing else. Categories may also be
    /// given as numbers, and dates as texts.
    ///
    /// Returns whether the training part has the category of the cell; true for every other cell.
    ///
    /// # Errors
    ///
    /// What was found and what was expected, if the cell has another form, or is missing where nothing is imputed.
    ///
    /// # Panics
    ///
    /// If there is no such column, or `row` does not have [`FittedTransforms::width`] numbers.
    pub fn encode(
        &self,
        column: usize,
        value: CellValue<'_>,
        buffer: &mut RowBuffer,
        row: &mut [f32],
    ) -> Result<bool, CellFault> {
        let (about, fitted) = (&self.columns[column], &self.fitted.columns()[column]);
        let cell = &mut buffer.0;
        cell.clear();
        let refuse = |found: String, expected: String| Err(CellFault { found, expected });
        let is_array = fitted.kind == ColumnKind::Array;
        let another_form = || {
            let expected = match is_array {
                true => format!("an array of shape {:?}", fitted.shape),
                false => expected_cell(fitted.kind, about.dates).to_owned(),
            };
            refuse(described(value), expected)
        };
        let has_categories = fitted.kind.has_categories();
        let code = |name: &str| about.codes.get(name).copied().unwrap_or(UNSEEN);
        let number = match value {
            CellValue::Elements(elements) if is_array => {
                if elements.len() != about.elements {
                    let expected =
                        format!("{} for an array of shape {:?}", about.elements, fitted.shape);
                    return refuse(format!("{} numbers", elements.len()), expected);
                }
                cell.open.extend(elements.iter().map(|&x| known(x.into())));
                None
            }
            CellValue::Elements(_) => return another_form(),
            _ if is_array => return another_form(),
            CellValue::Missing => Some(f64::NAN),
            CellValue::Text(text) if has_categories => Some(code(text)),
            CellValue::Number(number) if has_categories => Some(code(&number_text(number))),
            CellValue::Number(number) => Some(known(number)),
            CellValue::Text(text) if fitted.kind == ColumnKind::Date => {
                match about.dates.parse(text) {
                    Some(seconds) => Some(seconds),
                    None => return another_form(),
                }
            }
            CellValue::Text(_) => return another_form(),
        };
        let is_known = !has_categories || number != Some(UNSEEN);
        cell.open.extend(number);
        fitted.transforms[..about.applied]
            .iter()
            .for_each(|transform| transform.fitted().apply(cell));
        if cell.open.iter().any(|x| x.is_nan()) {
            let found = match value {
                CellValue::Missing => MISSING_CELL.to_owned(),
                _ => "a number that is not finite".to_owned(),
            };
            return refuse(found, expected_cell(fitted.kind, about.dates).to_owned());
        }
        cell.write(&mut row[about.features.clone()]);
        Ok(is_known)
    }
}

/// What a cell of a column of this kind should be.
fn expected_cell(kind: ColumnKind, dates: DateFormat) -> &'static str {
    match kind {
        ColumnKind::WholeCategory | ColumnKind::Category => "a category",
        ColumnKind::Date => dates.example(),
        _ => "a number",
    }
}

fn described(value: CellValue<'_>) -> String {
    match value {
        CellValue::Number(number) => format!("the number {number}"),
        CellValue::Text(text) => format!("the text {}", quoted(text)),
        CellValue::Elements(elements) => format!("a list of {} numbers", elements.len()),
        CellValue::Missing => MISSING_CELL.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransformPlan;
    use crate::columns::TableOptions;
    use crate::readers::csv::CsvFile;

    const TRAIN: &str = "size,kind,day,class\n1.5,a,2024-01-02,x\n2.5,b,2024-03-04,y\n4,a,2024-05-06,x\n,b,2024-07-08,y\n";

    fn encoder(plan: &TransformPlan) -> CellEncoder {
        let train = CsvFile::from_bytes("train.csv", TRAIN.as_bytes(), &TableOptions::default());
        let fitted = plan.fit(&train.unwrap(), &|_| true).unwrap();
        CellEncoder::new(Arc::new(fitted))
    }

    #[test]
    fn features_are_those_of_a_table_with_the_row() {
        let encoder = encoder(&TransformPlan::default());
        let fitted = encoder.fitted();
        let date = DateFormat::YearFirst.parse("2024-02-29").unwrap();
        for (size, kind) in
            [(Some(2.25), Some("b")), (None, Some("a")), (Some(-1e9), Some("c")), (Some(0.0), None)]
        {
            let row =
                [("size", CellValue::from(size)), ("kind", kind.into()), ("day", date.into())];
            let table = fitted.row(row).unwrap();
            let mut expected = vec![0.0; fitted.width()];
            let unseen = fitted.encode(&table, [0], &mut expected).unwrap();
            let (mut found, mut buffer) = (vec![0.0; fitted.width()], RowBuffer::default());
            let mut is_known = true;
            for (name, value) in [row[0], row[1], ("day", "2024-02-29".into())] {
                let at = encoder.position(name).unwrap();
                is_known &= encoder.encode(at, value, &mut buffer, &mut found).unwrap();
            }
            assert_eq!((found, is_known), (expected, unseen.is_empty()), "{row:?}");
        }
    }

    #[test]
    fn cells_of_another_form_are_refused() {
        // Nothing is imputed.
        let encoder = encoder(&TransformPlan { numbers: Vec::new(), ..TransformPlan::default() });
        let mut row = vec![0.0; encoder.fitted().width()];
        let mut fault = |name: &str, value: CellValue<'_>| {
            let at = encoder.position(name).unwrap();
            let encoded = encoder.encode(at, value, &mut RowBuffer::default(), &mut row);
            encoded.unwrap_err().to_string()
        };
        for (name, value, expected) in [
            ("size", "big".into(), "found the text `big`, expected a number"),
            ("size", CellValue::Missing, "found a missing cell, expected a number"),
            ("size", f64::INFINITY.into(), "found a number that is not finite, expected a number"),
            (
                "day",
                "2024-02-30".into(),
                "found the text `2024-02-30`, expected a date such as 2024-02-29",
            ),
            (
                "kind",
                CellValue::Elements(&[1.0, 2.0]),
                "found a list of 2 numbers, expected a category",
            ),
        ] {
            assert_eq!(fault(name, value), expected);
        }
        assert_eq!(encoder.position("class"), None);
    }
}
