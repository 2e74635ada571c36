//! Rows of a table become features.

use std::collections::{BTreeMap, HashMap};

use super::FittedTransforms;
use super::column::FittedColumn;
use super::messages::{IMPUTE_OR_LEAVE_OUT, mistake, other_form};
use crate::columns::{Cells, ColumnKind, MISSING, Table};
use crate::mistakes::RowMistakes;
use crate::transforms::{CellValues, UNSEEN};
use crate::{DataError, DataFault, Features};

/// A category that the training part does not have: its features are those of no category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenCategory {
    /// The name of the column.
    pub column: String,
    /// The category.
    pub category: String,
    /// Rows that have it.
    pub rows: usize,
}

impl FittedTransforms {
    /// Writes the features of rows of a table, one row after the other: [`FittedTransforms::width`] numbers each.
    ///
    /// The table has at least the columns that were fitted, in any order; others are ignored, and the target need not be
    /// there. What a row becomes does not depend on other rows. Features are bounded by the range of `f32`.
    ///
    /// Returns the categories that the training part does not have, whose features are zeros (`one_hot`) or −1 (`ordinal`).
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if a column is not there or has cells of another form; [`DataFault::Rows`] if cells are missing
    /// in a column whose transforms do not impute.
    ///
    /// # Panics
    ///
    /// If the table does not have one of the rows, or `to` does not have [`FittedTransforms::width`] numbers for each.
    pub fn encode(
        &self,
        table: &Table,
        rows: impl IntoIterator<Item = usize>,
        to: &mut [f32],
    ) -> Result<Vec<UnseenCategory>, DataError> {
        let bound: Result<Vec<_>, _> =
            self.columns().iter().map(|column| BoundColumn::new(column, table)).collect();
        let bound = bound.map_err(|fault| fault.of(table.name()))?;
        let mut unseen = BTreeMap::new();
        let mut mistakes = RowMistakes::default();
        let mut cell = CellValues::default();
        let mut rest = to;
        for row in rows {
            for (at, column) in bound.iter().enumerate() {
                if let Some(category) = column.load(row, &mut cell) {
                    *unseen.entry((at, category)).or_insert(0) += 1;
                }
                let features;
                (features, rest) = rest.split_at_mut(cell.len());
                cell.write(features);
                if cell.open.iter().any(|x| x.is_nan()) {
                    let name = &column.column.name;
                    let row = table.first_row() + row;
                    mistakes.add(mistake(row, name, "a missing cell", "a number"));
                }
            }
        }
        assert!(rest.is_empty(), "{} numbers are left of the features of all rows", rest.len());
        if !mistakes.is_empty() {
            let mistakes = mistakes.with_advice(IMPUTE_OR_LEAVE_OUT);
            return Err(DataFault::Rows(mistakes).of(table.name()));
        }
        let unseen = unseen.into_iter().map(|((at, category), rows)| UnseenCategory {
            column: bound[at].column.name.clone(),
            category: category.to_owned(),
            rows,
        });
        Ok(unseen.collect())
    }
}

/// A fitted column and its cells in a table.
pub(super) struct BoundColumn<'a> {
    pub(super) column: &'a FittedColumn,
    cells: &'a Cells,
    /// For each category of the table its code among those of the training part.
    codes: Vec<f64>,
}

impl<'a> BoundColumn<'a> {
    pub(super) fn new(column: &'a FittedColumn, table: &'a Table) -> Result<Self, DataFault> {
        let found = table.column(&column.name).map(|column| &column.cells);
        let expected = match column.kind {
            ColumnKind::WholeCategory | ColumnKind::Category => "categories".to_owned(),
            ColumnKind::Array => format!("arrays of shape {:?}", column.shape),
            ColumnKind::Date => "dates".to_owned(),
            _ => "numbers".to_owned(),
        };
        let (cells, codes) = match found {
            Some(cells @ Cells::Numbers(_)) if expected == "numbers" || expected == "dates" => {
                (cells, Vec::new())
            }
            Some(cells @ Cells::Arrays { shape, .. })
                if column.kind == ColumnKind::Array && *shape == column.shape =>
            {
                (cells, Vec::new())
            }
            Some(cells @ Cells::Categories { categories, .. }) if column.kind.has_categories() => {
                let codes: HashMap<&String, f64> = column
                    .categories
                    .iter()
                    .zip(0_u32..)
                    .map(|(c, code)| (c, f64::from(code)))
                    .collect();
                let code = |category| codes.get(category).copied().unwrap_or(UNSEEN);
                (cells, categories.iter().map(code).collect())
            }
            other => return Err(other_form(&column.name, other, &expected)),
        };
        Ok(Self { column, cells, codes })
    }

    pub(super) fn cells(&self) -> &'a Cells {
        self.cells
    }

    /// Loads the cell of a row and transforms it. Returns its category if the training part does not have it.
    pub(super) fn load(&self, row: usize, cell: &mut CellValues) -> Option<&'a str> {
        cell.clear();
        let mut unseen = None;
        match self.cells {
            Cells::Numbers(numbers) => cell.open.push(known(numbers[row])),
            Cells::Categories { codes, categories } => {
                let code = match codes[row] {
                    MISSING => f64::NAN,
                    code => self.codes[code as usize],
                };
                if code == UNSEEN {
                    unseen = Some(&*categories[codes[row] as usize]);
                }
                cell.open.push(code);
            }
            Cells::Arrays { shape, values } => {
                let len = shape.iter().product::<usize>();
                let range = row * len..(row + 1) * len;
                match values {
                    Features::U8(values) => {
                        cell.open.extend(values[range].iter().map(|&x| f64::from(x)))
                    }
                    Features::F32(values) => {
                        cell.open.extend(values[range].iter().map(|&x| known(f64::from(x))));
                    }
                }
            }
            Cells::Texts(_) => unreachable!("texts are not bound"),
        }
        self.column.apply(cell);
        unseen
    }
}

/// What is infinite cannot be brought into a range, and is as missing.
pub(super) fn known(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::NAN }
}
