//! The rows of a text, one after the other.

use std::io::Read;

use super::encoding::Utf8Bytes;
use super::layout::CsvLayout;
use super::records::Records;
use crate::columns::Encoding;
use crate::mistakes::{CellMistake, quoted};
use crate::{DataError, DataFault};

/// The rows of a text behind its header.
pub(super) struct Rows {
    /// That of the input.
    name: String,
    records: Records<Utf8Bytes<Box<dyn Read + Send>>>,
    width: usize,
}

/// What a row is.
pub(super) enum CsvRow<'a> {
    /// A cell for each column.
    Cells(RowCells<'a>),
    /// A line that begins with `#` and is not a row of the table.
    Comment,
    /// Something else.
    Wrong(CellMistake),
}

/// The cells of a row.
pub(super) struct RowCells<'a> {
    pub(super) line: u64,
    records: &'a Records<Utf8Bytes<Box<dyn Read + Send>>>,
    width: usize,
}

impl<'a> RowCells<'a> {
    /// The text of each cell, without blanks around it.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        let cells = self.records.cells().take(self.width);
        cells.map(|cell| std::str::from_utf8(cell).map_or("", str::trim))
    }
}

impl Rows {
    /// The rows of the bytes of an input of this name.
    pub(super) fn new(
        name: &str,
        bytes: Box<dyn Read + Send>,
        (encoding, mark): (Encoding, usize),
        layout: &CsvLayout,
    ) -> Result<Self, DataError> {
        let text = Utf8Bytes::new(bytes, encoding, mark);
        let text = text.map_err(|error| DataFault::Io(error).of(name))?;
        let records = Records::new(text, layout.delimiter, layout.quotes);
        let mut rows = Self { name: name.to_owned(), records, width: layout.names.len() };
        for _ in 0..layout.skip_rows + usize::from(layout.header) {
            rows.read()?;
        }
        Ok(rows)
    }

    /// The name of the input.
    #[cfg(feature = "files")]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The next row; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<CsvRow<'_>>, DataError> {
        Ok(self.read()?.then(|| self.row()))
    }

    fn read(&mut self) -> Result<bool, DataError> {
        self.records.read().map_err(|fault| fault.of(&self.name))
    }

    fn row(&self) -> CsvRow<'_> {
        let Self { records, width, .. } = self;
        let (line, n) = (records.line(), records.len());
        let wrong = |column, found: String, expected: String| {
            CsvRow::Wrong(CellMistake {
                order: line,
                place: format!("line {line}"),
                column,
                found,
                expected,
            })
        };
        // A delimiter behind the last cell.
        if n != *width && !(n == width + 1 && records.cells().last() == Some(b"")) {
            if records.cells().next().is_some_and(|cell| cell.starts_with(b"#")) {
                return CsvRow::Comment;
            }
            let cells = |n: usize| format!("{n} cell{}", if n == 1 { "" } else { "s" });
            return wrong(None, cells(n), cells(*width));
        }
        let is_text = |cell: &[u8]| std::str::from_utf8(cell).is_ok();
        if let Some((column, cell)) = records.cells().enumerate().find(|(_, cell)| !is_text(cell)) {
            let found = quoted(&String::from_utf8_lossy(cell));
            let found = format!("{found} with bytes that are not UTF-8");
            let expected = "UTF-8 as above; or else `encoding = \"windows-1252\"`".to_owned();
            return wrong(Some((column + 1).to_string()), found, expected);
        }
        CsvRow::Cells(RowCells { line, records, width: *width })
    }
}
