//! Rows that are read as the columns of another table.

use std::fmt;

use super::cells::Table;
use super::date::DateFormat;
use super::number::NumberNotation;
use crate::mistakes::RowMistakes;

/// What a row is called in messages and results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowName {
    /// The number of a row of a table, from 1.
    Row(u64),
    /// The file of a picture.
    File(String),
}

/// A column of a table that is read as one of another table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WantedColumn {
    /// Its position in the table that is read.
    pub(crate) index: usize,
    /// Its name in the other table.
    pub(crate) name: String,
    pub(crate) cells: WantedCells,
}

/// What the cells of a column are to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WantedCells {
    /// Numbers, in a text written as in the other table where they do not tell.
    Numbers(NumberNotation),
    /// Dates, likewise.
    Dates(DateFormat),
    /// Names of categories.
    Categories {
        /// Whether marks such as `?` are missing cells.
        marks_are_missing: bool,
    },
    /// Arrays of this shape.
    Arrays(Vec<usize>),
}

/// Rows as they are read, in columns that are wanted.
#[derive(Clone, Debug)]
pub(crate) struct RowBlock {
    pub(crate) table: Table,
    /// What each row is called.
    pub(crate) names: Vec<RowName>,
    /// What could not be read between the first of these rows and the next block.
    pub(crate) mistakes: RowMistakes,
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(number) => write!(f, "row {number}"),
            Self::File(file) => f.write_str(file),
        }
    }
}
