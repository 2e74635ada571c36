//! What is predicted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::messages::{LEAVE_OUT, has_repeated, mistake, other_form};
use crate::columns::{Cells, Table};
use crate::mistakes::{RowMistakes, quoted};
use crate::transforms::{are_scales, scaled};
use crate::{DataError, DataFault, Targets};

/// The column that is predicted: a class, or numbers that may be standardised.
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
    /// A number, or an array of them: `(value - center) / scale` is what the network is trained on.
    Numbers {
        /// The name of the column.
        column: String,
        /// Of each number the mean of the training part, or 0, in the unit of the column.
        centers: Vec<f64>,
        /// Of each number the standard deviation, or 1, in the unit of the column.
        scales: Vec<f64>,
    },
}

impl FittedTarget {
    /// The name of the column.
    pub fn column(&self) -> &str {
        match self {
            Self::Classes { column, .. } | Self::Numbers { column, .. } => column,
        }
    }

    /// The classes; none of numbers.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Numbers { .. } => &[],
        }
    }

    /// Classes, or numbers of a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { names, .. } => names.len(),
            Self::Numbers { scales, .. } => scales.len(),
        }
    }

    /// What each number was divided by, after its mean was subtracted; empty for classes, and for numbers that are as they were.
    pub fn scales(&self) -> &[f64] {
        match self {
            Self::Numbers { centers, scales, .. } if !is_identity(centers, scales) => scales,
            _ => &[],
        }
    }

    /// Number `output` of a row as it is predicted, in the unit of the column.
    ///
    /// # Panics
    ///
    /// If the target is a class, or has no such number.
    pub fn value(&self, output: usize, predicted: f32) -> f64 {
        match self {
            Self::Numbers { centers, scales, .. } => {
                f64::from(predicted) * scales[output] + centers[output]
            }
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
                                table.first_row() + row,
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
            (Self::Numbers { column, centers, scales }, Some(Cells::Numbers(numbers)))
                if scales.len() == 1 =>
            {
                let value = |row: usize| {
                    let value = numbers[row];
                    if !value.is_finite() {
                        let row = table.first_row() + row;
                        mistakes.add(mistake(row, column, "a missing cell", "a number"));
                    }
                    scaled(value, centers[0], scales[0]) as f32
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

    /// The same of targets that a program passes.
    pub(super) fn encode_targets(&self, targets: Targets) -> Targets {
        match (self, targets) {
            (Self::Numbers { centers, scales, .. }, Targets::Values { mut values, width })
                if width == scales.len() && !is_identity(centers, scales) =>
            {
                for row in values.chunks_exact_mut(width) {
                    for ((value, center), scale) in row.iter_mut().zip(centers).zip(scales) {
                        *value = scaled(f64::from(*value), *center, *scale) as f32;
                    }
                }
                Targets::Values { values, width }
            }
            (_, targets) => targets,
        }
    }

    fn other_cells(&self, found: Option<&Cells>) -> DataFault {
        let expected = match self {
            Self::Classes { .. } => "categories",
            Self::Numbers { .. } => "numbers",
        };
        other_form(self.column(), found, expected)
    }

    /// What is wrong with one that was read.
    pub(super) fn check(&self) -> Result<(), String> {
        let what = match self {
            Self::Classes { names, .. } if names.len() < 2 => "found less than two classes",
            Self::Classes { names, .. } if has_repeated(names) => "found two classes of one name",
            Self::Numbers { centers, scales, .. }
                if scales.is_empty()
                    || !are_scales(centers, scales, scales.len())
                    || scales.iter().any(|scale| scale.is_infinite()) =>
            {
                "expected a finite center and a positive scale for each number"
            }
            _ => return Ok(()),
        };
        Err(format!("target `{}`: {what}", self.column()))
    }
}

/// Whether numbers stay as they are, to the last bit.
pub(super) fn is_identity(centers: &[f64], scales: &[f64]) -> bool {
    centers.iter().all(|&center| center == 0.0) && scales.iter().all(|&scale| scale == 1.0)
}
