//! Rows of a table become features.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::FittedTransforms;
use super::column::FittedColumn;
use super::messages::{IMPUTE_OR_LEAVE_OUT, MISSING_CELL, mistake, other_form};
use crate::columns::{Cells, ColumnKind, MISSING, Table, number_text};
use crate::mistakes::RowMistakes;
use crate::transforms::{CellValues, FittedTransform, UNSEEN};
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
        let (unseen, gaps) = self.encode_known(table, rows, to)?;
        self.refuse(&gaps, table)?;
        Ok(unseen)
    }

    /// The features of rows of a table, as those of a [`Dataset`](crate::Dataset): numbers of an array may not be divided yet,
    /// and bytes stay bytes, see [`FittedTransforms::divisor`]. With the categories that the training part does not have.
    ///
    /// # Errors
    ///
    /// As [`FittedTransforms::encode`].
    ///
    /// # Panics
    ///
    /// If the table does not have one of the rows.
    pub fn encode_rows(
        &self,
        table: &Table,
        rows: &[usize],
    ) -> Result<(Features, Vec<UnseenCategory>), DataError> {
        let (features, unseen, gaps) = self.encode_known_rows(table, rows)?;
        self.refuse(&gaps, table)?;
        Ok((features, unseen))
    }

    /// As [`FittedTransforms::encode_rows`], with the missing cells whose features are NaN since nothing imputes them.
    pub(crate) fn encode_known_rows(
        &self,
        table: &Table,
        rows: &[usize],
    ) -> Result<(Features, Vec<UnseenCategory>, Vec<MissingFeature>), DataError> {
        if let Some(features) = self.stored_features(table, rows.iter().copied())? {
            return Ok((features, Vec::new(), Vec::new()));
        }
        let mut features = vec![0.0; rows.len() * self.width()];
        let (unseen, gaps) = self.encode_known(table, rows.iter().copied(), &mut features)?;
        Ok((Features::F32(features), unseen, gaps))
    }

    fn refuse(&self, gaps: &[MissingFeature], table: &Table) -> Result<(), DataError> {
        if gaps.is_empty() {
            return Ok(());
        }
        let mut mistakes = RowMistakes::default();
        for MissingFeature { row, column } in gaps {
            let name = &self.columns()[*column].name;
            mistakes.add(mistake(table.first_row() + row, name, MISSING_CELL, "a number"));
        }
        let mistakes = mistakes.with_advice(IMPUTE_OR_LEAVE_OUT);
        Err(DataFault::Rows(mistakes).of(table.name()))
    }

    /// As [`FittedTransforms::encode`], with the missing cells whose features are NaN since nothing imputes them.
    fn encode_known(
        &self,
        table: &Table,
        rows: impl IntoIterator<Item = usize>,
        to: &mut [f32],
    ) -> Result<(Vec<UnseenCategory>, Vec<MissingFeature>), DataError> {
        let bound: Result<Vec<_>, _> =
            self.columns().iter().map(|column| BoundColumn::new(column, table)).collect();
        let bound = bound.map_err(|fault| fault.of(table.name()))?;
        let mut unseen = BTreeMap::new();
        let mut gaps = Vec::new();
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
                    gaps.push(MissingFeature { row, column: at });
                }
            }
        }
        assert!(rest.is_empty(), "{} numbers are left of the features of all rows", rest.len());
        let unseen = unseen.into_iter().map(|((at, category), rows)| UnseenCategory {
            column: bound[at].column.name.clone(),
            category: category.into_owned(),
            rows,
        });
        Ok((unseen.collect(), gaps))
    }
}

impl FittedTransforms {
    /// The features of rows of an array before they are divided, in bytes if the array is; none if more is done to them.
    pub(super) fn stored_features(
        &self,
        table: &Table,
        rows: impl IntoIterator<Item = usize>,
    ) -> Result<Option<Features>, DataError> {
        let [column] = self.columns() else { return Ok(None) };
        let Some((transforms, _)) = column.stored() else { return Ok(None) };
        let bound = BoundColumn::new(column, table).map_err(|fault| fault.of(table.name()))?;
        let bound = BoundColumn { transforms, ..bound };
        let Cells::Arrays { values, .. } = bound.cells else { return Ok(None) };
        let len: usize = column.shape.iter().product();
        let (mut features, mut cell) = (values.empty(), CellValues::default());
        for row in rows {
            if transforms.is_empty() {
                features.extend_from(values, row * len..(row + 1) * len);
                continue;
            }
            bound.load(row, &mut cell);
            match &mut features {
                Features::U8(bytes) => bytes.extend(cell.open.iter().map(|&x| x as u8)),
                Features::F32(numbers) => {
                    let start = numbers.len();
                    numbers.resize(start + cell.len(), 0.0);
                    cell.write(&mut numbers[start..]);
                }
            }
        }
        Ok(Some(features))
    }
}

/// A missing cell that nothing imputes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissingFeature {
    pub(crate) row: usize,
    /// The number of the column among [`FittedTransforms::columns`].
    pub(crate) column: usize,
}

/// A fitted column and its cells in a table.
pub(super) struct BoundColumn<'a> {
    pub(super) column: &'a FittedColumn,
    /// Those that are applied.
    transforms: &'a [FittedTransform],
    cells: &'a Cells,
    /// For each category of the table its code among those of the training part.
    codes: Vec<f64>,
    /// The code of each category, where the table has their names instead of codes.
    names: HashMap<&'a str, f64>,
}

impl<'a> BoundColumn<'a> {
    pub(super) fn new(column: &'a FittedColumn, table: &'a Table) -> Result<Self, DataFault> {
        let found = table.column(&column.name).map(|column| &column.cells);
        let expected = column.expected_cells();
        let is_whole = column.kind == ColumnKind::WholeCategory;
        let (cells, codes, names) = match found {
            Some(cells @ Cells::Numbers(_)) if expected == "numbers" || expected == "dates" => {
                (cells, Vec::new(), HashMap::new())
            }
            Some(cells @ Cells::Arrays { shape, .. })
                if column.kind == ColumnKind::Array && *shape == column.shape =>
            {
                (cells, Vec::new(), HashMap::new())
            }
            Some(cells @ Cells::Categories { categories, .. }) if column.kind.has_categories() => {
                let names = column.codes();
                let code = |name: &String| names.get(name.as_str()).copied().unwrap_or(UNSEEN);
                (cells, categories.iter().map(code).collect(), HashMap::new())
            }
            Some(cells @ Cells::Texts(_)) if column.kind.has_categories() => {
                (cells, Vec::new(), column.codes())
            }
            Some(cells @ Cells::Numbers(_)) if is_whole => (cells, Vec::new(), column.codes()),
            other => return Err(other_form(&column.name, other, &expected)),
        };
        Ok(Self { column, transforms: &column.transforms, cells, codes, names })
    }

    pub(super) fn cells(&self) -> &'a Cells {
        self.cells
    }

    /// Loads the cell of a row and transforms it. Returns its category if the training part does not have it.
    pub(super) fn load(&self, row: usize, cell: &mut CellValues) -> Option<Cow<'a, str>> {
        cell.clear();
        let mut unseen = None;
        match self.cells {
            Cells::Numbers(numbers) if self.column.kind.has_categories() => {
                let number = known(numbers[row]);
                let name = number_text(number);
                let code = self.names.get(name.as_str()).copied().unwrap_or(UNSEEN);
                unseen = (code == UNSEEN && !number.is_nan()).then_some(Cow::Owned(name));
                cell.open.push(if number.is_nan() { number } else { code });
            }
            Cells::Numbers(numbers) => cell.open.push(known(numbers[row])),
            Cells::Categories { codes, categories } => {
                let code = match codes[row] {
                    MISSING => f64::NAN,
                    code => self.codes[code as usize],
                };
                if code == UNSEEN {
                    unseen = Some(Cow::Borrowed(&*categories[codes[row] as usize]));
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
            Cells::Texts(texts) => {
                let text = texts[row].as_deref();
                let code =
                    text.map_or(f64::NAN, |text| self.names.get(text).copied().unwrap_or(UNSEEN));
                unseen = text.filter(|_| code == UNSEEN).map(Cow::Borrowed);
                cell.open.push(code);
            }
        }
        self.transforms.iter().for_each(|transform| transform.fitted().apply(cell));
        unseen
    }
}

/// What is infinite cannot be brought into a range, and is as missing.
pub(super) fn known(x: f64) -> f64 {
    if x.is_finite() { x } else { f64::NAN }
}
