//! Rows of a text in one pass, read as the columns of another table.

use std::io::{Cursor, Read};

use super::rows::{CsvRow, Rows};
use super::{Counted, CsvStart};
use crate::columns::{
    Column, Encoding, RowBlock, RowName, Table, TableOptions, TextProfile, TextReading,
    WantedCells, WantedColumn, WrittenNumbers,
};
use crate::mistakes::{CellMistake, RowMistakes, quoted};
use crate::{DataError, DataFault};

/// Rows of a text in one pass, of which no more is in memory than a block.
pub(crate) struct CsvStream {
    rows: Rows,
    /// For each column of the text the one that is wanted, if it is.
    columns: Vec<Option<StreamColumn>>,
    /// Rows that were read, bad ones among them.
    n_read: u64,
}

struct StreamColumn {
    /// Its position among those that are wanted.
    to: usize,
    /// In the text, and in the other table.
    names: [String; 2],
    reading: TextReading,
}

impl CsvStream {
    /// Looks at the beginning of the bytes of an input of this name. `choose` gets the names of the columns, and whether they
    /// are those of a header.
    pub(crate) fn open(
        name: &str,
        bytes: Box<dyn Read + Send>,
        options: &TableOptions,
        choose: impl FnOnce(&[String], bool) -> Result<Vec<WantedColumn>, DataFault>,
    ) -> Result<Self, DataError> {
        let fault = |fault: DataFault| fault.of(name);
        let start = CsvStart::read(name, bytes, options).map_err(fault)?;
        let names = start.layout.names.clone();
        let wanted = choose(&names, start.layout.header).map_err(fault)?;
        let text = Box::new(Cursor::new(start.text.clone().into_bytes()));
        let utf8 = (Encoding::Utf8, 0);
        let sample = Rows::new(name, text, utf8, &start.layout)?;
        let profiles = Counted::of(sample, names.len())?.profiles;
        let readings = readings(&wanted, &profiles, options).map_err(fault)?;
        let mut columns: Vec<_> = names.iter().map(|_| None).collect();
        for (to, (wanted, reading)) in wanted.into_iter().zip(readings).enumerate() {
            let names = [names[wanted.index].clone(), wanted.name];
            columns[wanted.index] = Some(StreamColumn { to, names, reading });
        }
        let (_, rows) = start.rows()?;
        Ok(Self { rows, columns, n_read: 0 })
    }

    /// The next rows, fewer only at the end; none behind it.
    pub(crate) fn next(&mut self, rows: usize) -> Result<Option<RowBlock>, DataError> {
        let Self { rows: input, columns, n_read } = self;
        let mut cells: Vec<(usize, Column)> = columns.iter().flatten().map(empty).collect();
        let (mut names, mut mistakes) = (Vec::new(), RowMistakes::default());
        while names.len() < rows {
            let Some(row) = input.next()? else { break };
            let row = match row {
                CsvRow::Cells(row) => row,
                CsvRow::Comment => continue,
                CsvRow::Wrong(mistake) => {
                    *n_read += 1;
                    mistakes.add(mistake);
                    continue;
                }
            };
            *n_read += 1;
            let texts = columns.iter().zip(row.texts());
            let used = texts.filter_map(|(column, text)| Some((column.as_ref()?, text)));
            let n = names.len();
            let mut is_good = true;
            for ((column, text), (_, to)) in used.zip(&mut cells) {
                column.reading.push(text, &mut to.cells);
                if to.cells.is_missing(n) && !column.reading.can_read(text) {
                    is_good = false;
                    mistakes.add(mistake(row.line, column, text));
                }
            }
            match is_good {
                true => names.push(RowName::Row(*n_read)),
                false => cells.iter_mut().for_each(|(_, column)| column.cells.truncate(n)),
            }
        }
        if names.is_empty() && mistakes.is_empty() {
            return Ok(None);
        }
        cells.sort_by_key(|(to, _)| *to);
        let cells = cells.into_iter().map(|(_, column)| column).collect();
        let table = Table::new(input.name(), names.len(), cells)?;
        Ok(Some(RowBlock { table, names, mistakes }))
    }
}

fn empty(StreamColumn { to, names: [_, name], reading }: &StreamColumn) -> (usize, Column) {
    (*to, Column { name: name.clone(), cells: reading.empty() })
}

fn mistake(line: u64, column: &StreamColumn, text: &str) -> CellMistake {
    CellMistake {
        order: line,
        place: format!("line {line}"),
        column: Some(column.names[0].clone()),
        found: quoted(text),
        expected: match &column.reading {
            TextReading::Date(format) => format.example(),
            _ => "a number",
        }
        .to_owned(),
    }
}

/// How the cells of each column are read, by how its first ones are written.
fn readings(
    wanted: &[WantedColumn],
    profiles: &[TextProfile],
    options: &TableOptions,
) -> Result<Vec<TextReading>, DataFault> {
    let numbers = wanted.iter().filter(|column| matches!(column.cells, WantedCells::Numbers(_)));
    let signs = numbers.filter_map(|column| profiles[column.index].decimal());
    let written = WrittenNumbers::of_columns(signs, options);
    let reading = |column: &WantedColumn| {
        let profile = &profiles[column.index];
        match column.cells {
            WantedCells::Numbers(other) => {
                if let Some((line, text)) = profile.first_of_other_form() {
                    let name = &column.name;
                    return Err(DataFault::Columns(format!(
                        "column `{name}`: found texts such as {text} in line {line}, expected numbers as in training; \
                         mend its cells, or name the right column `{name}`"
                    )));
                }
                Ok(TextReading::Number(profile.number_notation(other, written)))
            }
            WantedCells::Dates(other) => Ok(TextReading::Date(profile.date_format(other))),
            WantedCells::Categories { marks_are_missing } => {
                Ok(TextReading::Text { marks_are_missing })
            }
            WantedCells::Arrays(_) => Err(DataFault::Columns(format!(
                "column `{}`: found a table as text, expected arrays, such as pictures",
                column.name
            ))),
        }
    };
    wanted.iter().map(reading).collect()
}
