//! What is predicted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::messages::{LEAVE_OUT, has_repeated, mistake, other_form};
use crate::columns::{Cells, Table};
use crate::mistakes::{RowMistakes, quoted};
use crate::transforms::scaled;
use crate::{DataError, DataFault, Targets};

/// The column that is predicted: a class, or a number that may be standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FittedTarget {
    /// One of some classes.
    Classes {
        /// The name of the column.
        column: String,
        /// The classes of the training part, in the order of the network's outputs.
        names: Vec<String>,
    },
    /// A number: `(value - center) / scale` is what the network is trained on.
    Number {
        /// The name of the column.
        column: String,
        /// The mean of the training part, or 0, in the unit of the column.
        center: f64,
        /// Its standard deviation, or 1, in the unit of the column.
        scale: f64,
    },
}

impl FittedTarget {
    /// The name of the column.
    pub fn column(&self) -> &str {
        match self {
            Self::Classes { column, .. } | Self::Number { column, .. } => column,
        }
    }

    /// The classes; none of a number.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Number { .. } => &[],
        }
    }

    /// A predicted number in the unit of the column.
    ///
    /// # Panics
    ///
    /// If the target is a class.
    pub fn value(&self, predicted: f32) -> f64 {
        match self {
            Self::Number { center, scale, .. } => f64::from(predicted) * scale + center,
            Self::Classes { column, .. } => panic!("column `{column}` is a class"),
        }
    }

    /// What a network is trained on in rows of a table.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if the table does not have the column, or it has other cells; [`DataFault::Rows`] if cells are
    /// missing, or of a class that the training part does not have.
    ///
    /// # Panics
    ///
    /// If the table does not have one of the rows.
    pub fn encode(
        &self,
        table: &Table,
        rows: impl IntoIterator<Item = usize>,
    ) -> Result<Targets, DataError> {
        let mut mistakes = RowMistakes::default();
        let found = table.column(self.column()).map(|column| &column.cells);
        let targets = match (self, found) {
            (Self::Classes { column, names }, Some(Cells::Categories { codes, categories })) => {
                let labels: HashMap<&String, u32> = names.iter().zip(0..).collect();
                let label = |row: usize| {
                    let category = categories.get(codes[row] as usize);
                    category.and_then(|category| labels.get(category)).copied().unwrap_or_else(
                        || {
                            let found =
                                category.map_or("a missing cell".to_owned(), |text| quoted(text));
                            mistakes.add(mistake(
                                row,
                                column,
                                &found,
                                "a class of the training part",
                            ));
                            0
                        },
                    )
                };
                let values = rows.into_iter().map(label).collect();
                Targets::Labels { values, classes: names.len() }
            }
            (Self::Number { column, center, scale }, Some(Cells::Numbers(numbers))) => {
                let value = |row: usize| {
                    let value = numbers[row];
                    if !value.is_finite() {
                        mistakes.add(mistake(row, column, "a missing cell", "a number"));
                    }
                    scaled(value, *center, *scale) as f32
                };
                Targets::Values { values: rows.into_iter().map(value).collect(), width: 1 }
            }
            (_, found) => return Err(self.other_cells(found).of(table.name())),
        };
        match mistakes.is_empty() {
            true => Ok(targets),
            false => Err(DataFault::Rows(mistakes.with_advice(LEAVE_OUT)).of(table.name())),
        }
    }

    fn other_cells(&self, found: Option<&Cells>) -> DataFault {
        let expected = match self {
            Self::Classes { .. } => "categories",
            Self::Number { .. } => "numbers",
        };
        other_form(self.column(), found, expected)
    }

    /// What is wrong with one that was read.
    pub(super) fn check(&self) -> Result<(), String> {
        let what = match self {
            Self::Classes { names, .. } if names.len() < 2 => "found less than two classes",
            Self::Classes { names, .. } if has_repeated(names) => "found two classes of one name",
            Self::Number { center, scale, .. }
                if !center.is_finite() || !scale.is_finite() || *scale <= 0.0 =>
            {
                "expected a finite center and a positive scale"
            }
            _ => return Ok(()),
        };
        Err(format!("target `{}`: {what}", self.column()))
    }
}
