//! Tables: named columns of cells in memory.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::{DataError, DataFault, Features};

/// The code of a category that is missing.
pub const MISSING: u32 = u32::MAX;

/// Rows of named columns: all rows of some data, or a block of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    first_row: usize,
    rows: usize,
    columns: Vec<Column>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name, which no other column of the table has.
    pub name: String,
    /// Its cells, one for each row.
    pub cells: Cells,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Numbers, and dates as seconds since 1970; NaN where a cell is missing.
    ///
    /// In `f64`, which tells whole numbers up to 2⁵³ apart: `f32` merges 16,777,216 and 16,777,217.
    Numbers(Vec<f64>),
    /// One of a few texts or whole numbers.
    Categories {
        /// The index of each row's category, or [`MISSING`].
        codes: Vec<u32>,
        /// The categories of all the data, sorted.
        categories: Arc<[String]>,
    },
    /// Texts, as of identifiers; none where a cell is missing.
    Texts(Vec<Option<String>>),
    /// Pictures and other arrays of one shape, one row's numbers after the other's.
    Arrays {
        /// The axes of one array.
        shape: Vec<usize>,
        /// The numbers of all arrays.
        values: Features,
    },
}

/// A number as the text of a category: of `3.0` it is `3`.
pub(crate) fn number_text(number: f64) -> String {
    // 0 and −0 are one number.
    (number + 0.0).to_string()
}

impl Table {
    /// Puts columns together. A table without columns may have rows.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if two columns have one name, or a column does not have `rows` cells.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, columns::{Cells, Column, Table}};
    /// let x = Column { name: "x".into(), cells: Cells::Numbers(vec![0.5, f64::NAN]) };
    /// let table = Table::new("two rows", 2, vec![x])?;
    /// assert_eq!((table.len(), table.column("x").unwrap().cells.missing()), (2, 1));
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn new(
        name: impl Into<String>,
        rows: usize,
        columns: Vec<Column>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        for (i, column) in columns.iter().enumerate() {
            let fault = if columns[..i].iter().any(|other| other.name == column.name) {
                format!("two columns are called `{}`", column.name)
            } else if !column.cells.have(rows) {
                format!("column `{}` does not have {rows} cells", column.name)
            } else {
                continue;
            };
            return Err(DataFault::Columns(fault).of(name));
        }
        Ok(Self { name, first_row: 0, rows, columns })
    }

    /// The name of the table in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A copy of some rows.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[must_use]
    pub fn rows(&self, range: Range<usize>) -> Self {
        let column = |Column { name, cells }: &Column| Column {
            name: name.clone(),
            cells: cells.rows(range.clone()),
        };
        let columns = self.columns.iter().map(column).collect();
        let first_row = self.first_row + range.start;
        Self { name: self.name.clone(), first_row, rows: range.len(), columns }
    }

    /// A copy of the rows of these numbers, in this order.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let column = |Column { name, cells }: &Column| Column {
            name: name.clone(),
            cells: cells.select(rows),
        };
        let columns = self.columns.iter().map(column).collect();
        Self { name: self.name.clone(), first_row: 0, rows: rows.len(), columns }
    }

    /// The same table with other cells in a column that it has.
    ///
    /// # Panics
    ///
    /// If it does not have the column, or not as many rows.
    #[must_use]
    pub fn with_cells(mut self, name: &str, cells: Cells) -> Self {
        assert!(cells.have(self.rows), "column `{name}` does not have {} cells", self.rows);
        let column = self.columns.iter_mut().find(|column| column.name == name);
        column.unwrap_or_else(|| panic!("no column `{name}`")).cells = cells;
        self
    }

    /// The same rows as those from the row of this number on, counted from 0, of a larger table: in messages.
    #[must_use]
    pub fn beginning_at(self, first_row: usize) -> Self {
        Self { first_row, ..self }
    }

    /// The number of the first row, counted from 0, in the table that this one is a block of.
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// Changes the names of the categories of a column.
    pub(crate) fn map_categories(&mut self, column: &str, map: impl Fn(&str) -> &str) {
        let column = self.columns.iter_mut().find(|other| other.name == column);
        if let Some(Column { cells: Cells::Categories { categories, .. }, .. }) = column {
            *categories = categories.iter().map(|category| map(category).to_owned()).collect();
        }
    }

    /// The same table with other names for its columns, in order.
    ///
    /// # Errors
    ///
    /// As [`Table::new`].
    pub(crate) fn renamed(self, names: &[String]) -> Result<Self, DataError> {
        let Self { name, first_row, rows, columns } = self;
        let cells = columns.into_iter().map(|column| column.cells);
        let columns = names.iter().cloned().zip(cells).map(|(name, cells)| Column { name, cells });
        Ok(Self::new(name, rows, columns.collect())?.beginning_at(first_row))
    }

    pub(crate) fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// Appends the rows of the next block of the same data.
    ///
    /// # Panics
    ///
    /// If its columns are others.
    pub fn append(&mut self, block: Self) {
        assert_eq!(self.columns.len(), block.columns.len(), "columns of {}", self.name);
        for (column, more) in self.columns.iter_mut().zip(block.columns) {
            assert_eq!(column.name, more.name, "columns of {}", self.name);
            column.cells.append(more.cells);
        }
        self.rows += block.rows;
    }
}

impl Cells {
    /// How many cells are missing.
    pub fn missing(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.iter().filter(|number| number.is_nan()).count(),
            Self::Categories { codes, .. } => codes.iter().filter(|&&code| code == MISSING).count(),
            Self::Texts(texts) => texts.iter().filter(|text| text.is_none()).count(),
            Self::Arrays { .. } => 0,
        }
    }

    /// Whether the cell of a row is missing.
    pub(crate) fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Numbers(numbers) => numbers[row].is_nan(),
            Self::Categories { codes, .. } => codes[row] == MISSING,
            Self::Texts(texts) => texts[row].is_none(),
            Self::Arrays { .. } => false,
        }
    }

    /// The cell of a row as a text, that of a category or a label: a whole number without a fraction; none if it is missing,
    /// infinite or an array.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Numbers(numbers) => {
                Some(numbers[row]).filter(|x| x.is_finite()).map(|x| Cow::Owned(number_text(x)))
            }
            Self::Categories { codes, categories } => {
                categories.get(codes[row] as usize).map(|name| Cow::Borrowed(name.as_str()))
            }
            Self::Texts(texts) => texts[row].as_deref().map(Cow::Borrowed),
            Self::Arrays { .. } => None,
        }
    }

    fn rows(&self, range: Range<usize>) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(numbers[range].to_vec()),
            Self::Texts(texts) => Self::Texts(texts[range].to_vec()),
            Self::Categories { codes, categories } => {
                let codes = codes[range].to_vec();
                Self::Categories { codes, categories: categories.clone() }
            }
            Self::Arrays { shape, values } => {
                let len = shape.iter().product::<usize>();
                let values = values.range(range.start * len..range.end * len);
                Self::Arrays { shape: shape.clone(), values }
            }
        }
    }

    fn select(&self, rows: &[usize]) -> Self {
        let rows = rows.iter().copied();
        match self {
            Self::Numbers(numbers) => Self::Numbers(rows.map(|row| numbers[row]).collect()),
            Self::Texts(texts) => Self::Texts(rows.map(|row| texts[row].clone()).collect()),
            Self::Categories { codes, categories } => {
                let codes = rows.map(|row| codes[row]).collect();
                Self::Categories { codes, categories: categories.clone() }
            }
            Self::Arrays { shape, values } => {
                let len = shape.iter().product::<usize>();
                let mut selected = values.empty();
                rows.for_each(|row| selected.extend_from(values, row * len..(row + 1) * len));
                Self::Arrays { shape: shape.clone(), values: selected }
            }
        }
    }

    /// Takes away all cells behind the first `rows`, of a column that is not of arrays.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::Numbers(numbers) => numbers.truncate(rows),
            Self::Categories { codes, .. } => codes.truncate(rows),
            Self::Texts(texts) => texts.truncate(rows),
            Self::Arrays { .. } => unreachable!("arrays are read as a whole"),
        }
    }

    /// Whether there are `rows` cells.
    fn have(&self, rows: usize) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.len() == rows,
            Self::Categories { codes, .. } => codes.len() == rows,
            Self::Texts(texts) => texts.len() == rows,
            Self::Arrays { shape, values } => {
                let len = shape.iter().try_fold(rows, |len, &axis| len.checked_mul(axis));
                len == Some(values.len())
            }
        }
    }

    fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Numbers(numbers), Self::Numbers(more)) => numbers.extend(more),
            (Self::Texts(texts), Self::Texts(more)) => texts.extend(more),
            (
                Self::Categories { codes, categories },
                Self::Categories { codes: more, categories: same },
            ) if *categories == same => codes.extend(more),
            (
                Self::Arrays { shape, values: Features::U8(values) },
                Self::Arrays { shape: same, values: Features::U8(more) },
            ) if *shape == same => values.extend(more),
            (
                Self::Arrays { shape, values: Features::F32(values) },
                Self::Arrays { shape: same, values: Features::F32(more) },
            ) if *shape == same => values.extend(more),
            _ => panic!("blocks of one table have columns of one kind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: Cells) -> Column {
        Column { name: name.into(), cells }
    }

    fn bytes(values: &[u8]) -> Cells {
        Cells::Arrays { shape: vec![1, 2], values: Features::U8(values.to_vec()) }
    }

    #[test]
    fn columns_that_do_not_fit_are_errors_that_name_them() {
        let numbers = || column("x", Cells::Numbers(vec![1.0, 2.0]));
        let cases = [
            (vec![numbers(), numbers()], "t: two columns are called `x`"),
            (vec![column("y", bytes(&[1, 2, 3]))], "t: column `y` does not have 2 cells"),
            (vec![column("z", Cells::Texts(vec![None]))], "t: column `z` does not have 2 cells"),
        ];
        for (columns, expected) in cases {
            assert_eq!(Table::new("t", 2, columns).unwrap_err().to_string(), expected);
        }
        assert_eq!(Table::new("t", 2, vec![]).unwrap().len(), 2);
    }

    #[test]
    fn blocks_are_put_together_in_order() -> Result<(), DataError> {
        let categories: Arc<[String]> = ["a".to_owned(), "b".to_owned()].into();
        let block = |numbers: &[f64], codes: &[u32], pixels: &[u8]| {
            let codes = Cells::Categories { codes: codes.to_vec(), categories: categories.clone() };
            let columns = vec![
                column("x", Cells::Numbers(numbers.to_vec())),
                column("y", codes),
                column("p", bytes(pixels)),
            ];
            Table::new("t", numbers.len(), columns)
        };
        let mut table = block(&[1.0], &[1], &[1, 2])?;
        table.append(block(&[2.0, 3.0], &[0, MISSING], &[3, 4, 5, 6])?);
        assert_eq!(table, block(&[1.0, 2.0, 3.0], &[1, 0, MISSING], &[1, 2, 3, 4, 5, 6])?);
        assert_eq!(table.column("y").map(|column| column.cells.missing()), Some(1));
        Ok(())
    }

    #[test]
    fn rows_are_selected_in_any_order_and_more_than_once() -> Result<(), DataError> {
        let categories: Arc<[String]> = ["a".to_owned(), "b".to_owned()].into();
        let texts = |texts: &[&str]| {
            Cells::Texts(texts.iter().map(|text| Some((*text).to_owned())).collect())
        };
        let table = |numbers: &[f64], codes: &[u32], names: &[&str], pixels: &[u8]| {
            let codes = Cells::Categories { codes: codes.to_vec(), categories: categories.clone() };
            let columns = vec![
                column("x", Cells::Numbers(numbers.to_vec())),
                column("y", codes),
                column("t", texts(names)),
                column("p", bytes(pixels)),
            ];
            Table::new("t", numbers.len(), columns)
        };
        let all = table(&[1.0, 2.0, 3.0], &[1, 0, MISSING], &["u", "v", "w"], &[1, 2, 3, 4, 5, 6])?;
        let some =
            table(&[3.0, 1.0, 3.0], &[MISSING, 1, MISSING], &["w", "u", "w"], &[5, 6, 1, 2, 5, 6])?;
        assert_eq!(all.beginning_at(9).select(&[2, 0, 2]), some);
        let other = some.clone().with_cells("x", Cells::Numbers(vec![7.0; 3]));
        assert_eq!(other.column("x").map(|x| &x.cells), Some(&Cells::Numbers(vec![7.0; 3])));
        assert_eq!(other.column("t"), some.column("t"));
        Ok(())
    }
}
