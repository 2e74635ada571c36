//! Tables as text: CSV, TSV and their relatives, gzipped or not.
//!
//! How a file is written is found from its first rows: encoding, delimiter, quotation marks, header, rows before it.
//! What its columns are is found from all rows, which are read once for that; and how numbers are written (decimal point
//! or comma, thousands), column by column. Everything that was found is in the description, with the option that
//! changes it.
//!
//! A file of any length is read in bounded memory: rows come in blocks, different values are counted up to a limit.
//!
//! Source: Shafranovich (2005), RFC 4180, and what files do instead.

mod encoding;
mod layout;
mod line;
mod records;
mod rows;
#[cfg(feature = "files")]
mod stream;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
#[cfg(feature = "files")]
use std::path::Path;

use self::encoding::{Utf8Bytes, detect};
use self::layout::CsvLayout;
pub use self::line::csv_line;
use self::rows::{CsvRow, Rows};
#[cfg(feature = "files")]
pub(crate) use self::stream::CsvStream;
use crate::columns::{
    Column, ColumnUse, DecidedColumn, Encoding, Finding, Table, TableBlocks, TableDescription,
    TableOptions, TableSource, TextProfile, TextReading, WrittenNumbers, keep_a_feature,
};
use crate::input::{Input, read_start};
use crate::mistakes::RowMistakes;
use crate::{DataError, DataFault};

/// Bytes of the beginning that are looked at.
const SAMPLE_BYTES: usize = 256 << 10;
/// Different values that are counted in all columns together, and the most in one column.
const VALUES: usize = 1 << 20;
const VALUES_OF_COLUMN: usize = 1 << 16;
/// The most columns.
const MOST_COLUMNS: usize = 100_000;

/// A table as text.
#[derive(Clone, Debug)]
pub struct CsvFile {
    input: Input,
    encoding: (Encoding, usize),
    layout: CsvLayout,
    columns: Vec<DecidedColumn>,
    description: TableDescription,
    mistakes: RowMistakes,
    skip_bad_rows: bool,
}

impl CsvFile {
    /// Looks at a file: reads it once.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`]; [`DataFault::Format`] if it is not text; [`DataFault::Columns`] if it is empty, or the options
    /// name a column that it does not have. Rows that cannot be read are not an error yet.
    #[cfg(feature = "files")]
    pub fn open(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        Self::look_at(Input::Path(path.to_owned()), options)
    }

    /// Looks at the bytes of a file of this name.
    ///
    /// # Errors
    ///
    /// Those of [`CsvFile::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, columns::{TableOptions, TableSource}, readers::csv::CsvFile};
    /// let text = "size;kind\n1,5;cat\n2,5;dog\n";
    /// let file = CsvFile::from_bytes("pets.csv", text.as_bytes(), &TableOptions::default())?;
    /// let table = file.read()?;
    /// assert_eq!((table.len(), table.columns().len()), (2, 2));
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn from_bytes(name: &str, bytes: &[u8], options: &TableOptions) -> Result<Self, DataError> {
        Self::look_at(Input::Bytes(name.to_owned(), bytes.into()), options)
    }

    fn look_at(input: Input, options: &TableOptions) -> Result<Self, DataError> {
        let (bytes, gzipped) = input.unpack()?;
        let start =
            CsvStart::read(&input.name(), bytes, options).map_err(|fault| input.error(fault))?;
        let encoding = start.encoding;
        let mark = if encoding.1 > 0 { " with a byte order mark" } else { "" };
        let gzip = if gzipped { ", gzipped" } else { "" };
        let said =
            Finding::new("encoding", format!("{}{mark}{gzip}", encoding.0), "encoding = \"…\"");
        let (mut layout, rows) = start.rows()?;
        layout.findings.insert(0, said);
        let counted = Counted::of(rows, layout.names.len())?;
        let target = options.target_among(&layout.names).map_err(|fault| input.error(fault))?;
        let columns = decide(&counted.profiles, &mut layout, options, target);
        let mistakes = mistakes(&counted, &columns);
        if counted.comments > 0 {
            let found = format!("{} lines left out that begin with #", counted.comments);
            layout.findings.push(Finding::new("comments", found, ""));
        }
        let description = TableDescription {
            name: input.name(),
            rows: counted.rows,
            columns: columns.iter().map(|column| column.description.clone()).collect(),
            target: target.map(|target| layout.names[target].clone()),
            findings: layout.findings.clone(),
        };
        let skip_bad_rows = options.skip_bad_rows;
        Ok(Self { input, encoding, layout, columns, description, mistakes, skip_bad_rows })
    }
}

/// The beginning of a text, and how it is written.
struct CsvStart {
    name: String,
    encoding: (Encoding, usize),
    layout: CsvLayout,
    /// Up to the last whole line.
    text: String,
    start: Vec<u8>,
    rest: Box<dyn Read + Send>,
}

impl CsvStart {
    /// Reads the beginning of the bytes of an input of this name.
    fn read(
        name: &str,
        mut rest: Box<dyn Read + Send>,
        options: &TableOptions,
    ) -> Result<Self, DataFault> {
        let start = read_start(&mut rest, SAMPLE_BYTES)?;
        let encoding = match (options.encoding, detect(&start)) {
            (None, found) => found?,
            (Some(said), Ok((found, mark))) if said == found => (said, mark),
            (Some(said), _) => (said, 0),
        };
        let text = sample(&start, encoding)?;
        let layout = CsvLayout::find(&text, options);
        let n = layout.names.len();
        if !(1..=MOST_COLUMNS).contains(&n) {
            let expected = format!("expected a table of 1 to {MOST_COLUMNS} columns");
            return Err(DataFault::Columns(format!("{expected}, found {n}")));
        }
        Ok(Self { name: name.to_owned(), encoding, layout, text, start, rest })
    }

    /// All rows, without reading the beginning again.
    fn rows(self) -> Result<(CsvLayout, Rows), DataError> {
        let Self { name, encoding, layout, start, rest, .. } = self;
        let bytes = Box::new(io::Cursor::new(start).chain(rest));
        let rows = Rows::new(&name, bytes, encoding, &layout)?;
        Ok((layout, rows))
    }
}

/// The text of a file's beginning up to its last whole line.
fn sample(start: &[u8], (encoding, mark): (Encoding, usize)) -> io::Result<String> {
    let mut text = Vec::new();
    Utf8Bytes::new(start, encoding, mark)?.read_to_end(&mut text)?;
    let end = text.iter().rposition(|byte| [b'\n', b'\r'].contains(byte));
    if let Some(end) = end.filter(|_| start.len() == SAMPLE_BYTES) {
        text.truncate(end + 1);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What the first pass counts.
struct Counted {
    profiles: Vec<TextProfile>,
    rows: usize,
    comments: usize,
    wrong: RowMistakes,
}

impl Counted {
    fn of(mut rows: Rows, width: usize) -> Result<Self, DataError> {
        let limit = (VALUES / width).clamp(16, VALUES_OF_COLUMN);
        let profiles = vec![TextProfile::new(limit); width];
        let mut counted = Self { profiles, rows: 0, comments: 0, wrong: RowMistakes::default() };
        while let Some(row) = rows.next()? {
            match row {
                CsvRow::Cells(cells) => {
                    counted.rows += 1;
                    for (profile, text) in counted.profiles.iter_mut().zip(cells.texts()) {
                        profile.add(text, cells.line);
                    }
                }
                CsvRow::Comment => counted.comments += 1,
                CsvRow::Wrong(mistake) => counted.wrong.add(mistake),
            }
        }
        Ok(counted)
    }
}

/// Decides what the columns are, and says how their numbers are written.
fn decide(
    profiles: &[TextProfile],
    layout: &mut CsvLayout,
    options: &TableOptions,
    target: Option<usize>,
) -> Vec<DecidedColumn> {
    let signs = profiles.iter().filter_map(TextProfile::decimal);
    let written = WrittenNumbers::of_columns(signs.clone(), options);
    if written.decimal == Some(',') && written.format.is_none() {
        let commas = signs.filter(|&sign| sign == ',').count();
        let found = format!("comma, as {commas} columns have it");
        layout.findings.push(Finding::new("decimal sign", found, "decimal = \".\""));
    }
    let mut columns: Vec<DecidedColumn> = Vec::new();
    for (i, (profile, name)) in profiles.iter().zip(&layout.names).enumerate() {
        let column_use = if Some(i) == target { ColumnUse::Target } else { ColumnUse::Feature };
        let forced = options.kinds.get(name).copied();
        let column = profile.decide(name, column_use, written, forced);
        if let (Some(example), TextReading::Number(format)) = (&column.doubtful, &column.reading) {
            let number = format.parse(example).unwrap_or(f64::NAN);
            let found = format!("`{example}` in column `{name}` is read as {number}");
            let change = match (format.decimal, example.contains(',')) {
                ('.', true) => "decimal = \",\"",
                _ => "thousands = false",
            };
            layout.findings.push(Finding::new("thousands", found, change));
        }
        columns.push(column);
    }
    let is_number = |column: &DecidedColumn| matches!(column.reading, TextReading::Number(_));
    let numbers: Vec<bool> = columns.iter().map(is_number).collect();
    let descriptions = columns.iter_mut().map(|column| &mut column.description);
    keep_a_feature(descriptions.collect(), target, &numbers);
    columns
}

/// The rows and cells that cannot be read, in order.
fn mistakes(counted: &Counted, columns: &[DecidedColumn]) -> RowMistakes {
    let mut mistakes = counted.wrong.clone();
    for DecidedColumn { mistakes: (first, count), .. } in columns {
        first.iter().for_each(|mistake| mistakes.add(mistake.clone()));
        mistakes.add_uncounted(count - first.len());
    }
    mistakes.with_advice(
        "mend them, or leave such rows out (`skip_bad_rows = true`); a column with texts is a category \
         (`kinds.NAME = \"category\"`)",
    )
}

impl TableSource for CsvFile {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        &self.mistakes
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        if !self.mistakes.is_empty() && !self.skip_bad_rows {
            return Err(self.input.error(DataFault::Rows(self.mistakes.clone())));
        }
        let (bytes, _) = self.input.unpack()?;
        let mut input = Rows::new(&self.input.name(), bytes, self.encoding, &self.layout)?;
        let mut ended = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let block = self.block(&mut input, rows.max(1));
            ended = block.as_ref().map_or(true, |block| block.len() < rows.max(1));
            block.map(|block| (!block.is_empty()).then_some(block)).transpose()
        })))
    }
}

impl CsvFile {
    /// The next rows, fewer only at the end.
    fn block(&self, input: &mut Rows, rows: usize) -> Result<Table, DataError> {
        let mut columns: Vec<Column> = self.columns.iter().map(empty).collect();
        let mut n = 0;
        while n < rows {
            let Some(row) = input.next()? else { break };
            let CsvRow::Cells(cells) = row else { continue };
            let readings = || self.columns.iter().map(|column| &column.reading);
            let is_bad = |(reading, text): (&TextReading, &str)| !reading.can_read(text);
            if !self.mistakes.is_empty() && readings().zip(cells.texts()).any(is_bad) {
                continue;
            }
            for ((reading, text), column) in readings().zip(cells.texts()).zip(&mut columns) {
                reading.push(text, &mut column.cells);
            }
            n += 1;
        }
        Table::new(self.input.name(), n, columns)
    }
}

fn empty(column: &DecidedColumn) -> Column {
    Column { name: column.description.name.clone(), cells: column.reading.empty() }
}
