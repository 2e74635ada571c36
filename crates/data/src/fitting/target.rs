//! What is predicted.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::messages::{LEAVE_OUT, MISSING_CELL, has_repeated, mistake, other_form};
use crate::columns::{Cells, Table, number_text};
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
        /// What the data calls them, if the experiment has other names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<String>,
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

    /// What the data calls the classes; none of numbers.
    pub(crate) fn labels(&self) -> &[String] {
        match self {
            Self::Classes { labels, .. } if !labels.is_empty() => labels,
            _ => self.classes(),
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

    /// What a network is trained on in rows of a table. A class is found by its name, by its number if that is written in another
    /// way, such as `1.0`, and without a full stop at its end.
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
        let rows: Vec<usize> = rows.into_iter().collect();
        let (targets, unknown) = self.encode_known(table, &rows)?;
        if unknown.is_empty() {
            return Ok(targets);
        }
        let mut mistakes = RowMistakes::default();
        for UnknownTarget { row, found } in unknown {
            let found = found.unwrap_or_else(|| MISSING_CELL.to_owned());
            let row = table.first_row() + row;
            mistakes.add(mistake(row, self.column(), &found, self.expected_cell()));
        }
        Err(DataFault::Rows(mistakes.with_advice(LEAVE_OUT)).of(table.name()))
    }

    /// As [`FittedTarget::encode`], with the rows whose targets are not known, which are class or number 0.
    pub(crate) fn encode_known(
        &self,
        table: &Table,
        rows: &[usize],
    ) -> Result<(Targets, Vec<UnknownTarget>), DataError> {
        let mut unknown = Vec::new();
        let found = table.column(self.column()).map(|column| &column.cells);
        let targets = match (self, found) {
            (Self::Classes { .. }, Some(cells)) if !matches!(cells, Cells::Arrays { .. }) => {
                let labels: HashMap<&str, u32> =
                    self.labels().iter().map(String::as_str).zip(0..).collect();
                let mut label = |row: usize| {
                    let text = cells.text(row);
                    text.as_deref().and_then(|text| class_of(&labels, text)).unwrap_or_else(|| {
                        unknown.push(UnknownTarget { row, found: text.as_deref().map(quoted) });
                        0
                    })
                };
                let values = rows.iter().map(|&row| label(row)).collect();
                Targets::Labels { values, classes: labels.len() }
            }
            (Self::Numbers { centers, scales, .. }, Some(Cells::Numbers(numbers)))
                if scales.len() == 1 =>
            {
                let mut value = |row: usize| {
                    if !numbers[row].is_finite() {
                        unknown.push(UnknownTarget { row, found: None });
                    }
                    scaled(numbers[row], centers[0], scales[0]) as f32
                };
                let values = rows.iter().map(|&row| value(row)).collect();
                Targets::Values { values, width: 1 }
            }
            (_, found) => {
                let expected = match self {
                    Self::Classes { .. } => "categories",
                    Self::Numbers { .. } => "numbers",
                };
                return Err(other_form(self.column(), found, expected).of(table.name()));
            }
        };
        Ok((targets, unknown))
    }

    /// What each cell of the column has to be.
    pub(crate) fn expected_cell(&self) -> &'static str {
        match self {
            Self::Classes { .. } => "a class of the training part",
            Self::Numbers { .. } => "a number",
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

    /// What is wrong with one that was read.
    pub(super) fn check(&self) -> Result<(), String> {
        let what = match self {
            Self::Classes { names, .. } if names.len() < 2 => "found less than two classes",
            Self::Classes { names, .. } if has_repeated(names) || has_repeated(self.labels()) => {
                "found two classes of one name"
            }
            Self::Classes { names, .. } if self.labels().len() != names.len() => {
                "expected a label for each class"
            }
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

/// A target that is missing, or of a class that training does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnknownTarget {
    pub(crate) row: usize,
    /// The cell as messages show it; none if it is missing.
    pub(crate) found: Option<String>,
}

fn class_of(labels: &HashMap<&str, u32>, text: &str) -> Option<u32> {
    let known = |text: &str| labels.get(text).copied();
    known(text)
        .or_else(|| known(&number_text(text.parse().ok()?)))
        .or_else(|| known(text.strip_suffix('.')?))
}

/// Whether numbers stay as they are, to the last bit.
pub(super) fn is_identity(centers: &[f64], scales: &[f64]) -> bool {
    centers.iter().all(|&center| center == 0.0) && scales.iter().all(|&scale| scale == 1.0)
}
