//! Data that can be read in blocks.

use std::ops::Range;

use super::cells::Table;
use super::kind::TableDescription;
use crate::mistakes::RowMistakes;
use crate::{DataError, DataFault};

/// The rows of a source, some at a time.
pub type TableBlocks<'a> = Box<dyn Iterator<Item = Result<Table, DataError>> + 'a>;

/// The numbers of `len` rows, `rows` or at least one at a time.
pub(crate) fn row_blocks(len: usize, rows: usize) -> impl Iterator<Item = Range<usize>> {
    let rows = rows.max(1);
    (0..len).step_by(rows).map(move |start| start..(start + rows).min(len))
}

/// Data as named columns, read in blocks as often as it is used.
pub trait TableSource {
    /// What is known about it.
    fn description(&self) -> &TableDescription;

    /// What could not be read.
    fn mistakes(&self) -> &RowMistakes;

    /// Reads the rows from the first one, so many at a time. All blocks but the last have `rows` rows.
    ///
    /// # Errors
    ///
    /// [`DataFault::Rows`] if there are mistakes and bad rows are not to be left out; and whatever an input can raise.
    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError>;

    /// Reads all rows into memory.
    ///
    /// # Errors
    ///
    /// Those of [`TableSource::blocks`], and [`DataFault::Columns`] if there are no rows.
    fn read(&self) -> Result<Table, DataError> {
        const BLOCK: usize = 4096;
        let mut blocks = self.blocks(BLOCK)?;
        let Some(first) = blocks.next() else {
            return Err(DataFault::Columns("has no rows".to_owned()).of(&self.description().name));
        };
        let mut table = first?;
        for block in blocks {
            table.append(block?);
        }
        Ok(table)
    }
}
