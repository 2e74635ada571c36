//! Parquet: typed columns in groups of rows.
//!
//! | column | used as in a text |
//! |---|---|
//! | numbers with and without a sign, decimals, times of day in their unit | numbers |
//! | booleans | the categories `false` and `true` |
//! | texts in UTF-8 | categories, or what they are: numbers or dates |
//! | dates and timestamps | dates |
//!
//! Lists, maps, structures and other bytes are left out, and named. Rows are read in blocks: at any time one page of each
//! column is in memory.
//!
//! Source: Apache Parquet, "Parquet Format Specification", version 2.12.

mod values;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use ::parquet::column::reader::ColumnReader;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};

use self::values::{ReadValues, ValueContent};
use crate::columns::{
    Cells, Column, ColumnDescription, ColumnKind, ColumnUse, DecidedTyped, Finding, NumberProfile,
    TEXTS_ADVICE, Table, TableBlocks, TableDescription, TableOptions, TableSource, TextProfile,
    TypedProfile, TypedReading, keep_a_feature,
};
use crate::mistakes::RowMistakes;
use crate::{DataError, DataFault};

/// The most columns of a file.
const MOST_COLUMNS: usize = 100_000;
/// Different values that are counted in all columns together, and the most in one column.
const VALUES: usize = 1 << 20;
const VALUES_OF_COLUMN: usize = 1 << 16;
/// Cells that are read at once while values are counted.
const PASS_CELLS: usize = 1 << 18;
/// Names of columns that are left out which are shown.
const SHOWN: usize = 3;

/// A Parquet file as a table.
#[derive(Clone, Debug)]
pub struct ParquetFile {
    path: PathBuf,
    columns: Vec<ParquetColumn>,
    description: TableDescription,
    mistakes: RowMistakes,
}

/// A column that is used.
#[derive(Clone, Debug)]
struct ParquetColumn {
    /// Its number in the file.
    index: usize,
    name: String,
    content: ValueContent,
    /// The level of its values, that of nulls being lower; 0 if none is null.
    level: i16,
    reading: TypedReading,
}

impl ParquetFile {
    /// Looks at a file: reads it once.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`]; [`DataFault::Format`] if it is damaged, or packed in a way that is not read; [`DataFault::Columns`] if
    /// no column can be used, or the options name a column that it does not have. Texts that cannot be read are not an error
    /// yet.
    pub fn open(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        let fault = |what: String| DataFault::Columns(what).of(path.display());
        let (mut rows, found) = ParquetRows::open(path)?;
        let (mut columns, left_out) = columns(&rows.file);
        if !(1..=MOST_COLUMNS).contains(&columns.len()) {
            let n = columns.len();
            return Err(fault(format!(
                "expected 1 to {MOST_COLUMNS} columns of values, found {n}"
            )));
        }
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let target = options.target_among(&names).map_err(|fault| fault.of(path.display()))?;
        let limit = (VALUES / columns.len()).clamp(16, VALUES_OF_COLUMN);
        let profile = |column: &ParquetColumn| match column.content {
            ValueContent::Booleans | ValueContent::Texts => {
                TypedProfile::Texts(TextProfile::new(limit))
            }
            _ => TypedProfile::Numbers(NumberProfile::new(limit)),
        };
        let mut profiles: Vec<TypedProfile> = columns.iter().map(profile).collect();
        let block = (PASS_CELLS / columns.len()).max(1);
        let mut row = 0;
        while let Some((n, values)) = rows.next(&columns, block)? {
            for (values, profile) in values.iter().zip(&mut profiles) {
                match (values, profile) {
                    (ReadValues::Numbers(numbers), TypedProfile::Numbers(profile)) => {
                        numbers.iter().for_each(|&number| profile.add(number));
                    }
                    (ReadValues::Texts(texts), TypedProfile::Texts(profile)) => {
                        (row + 1..).zip(texts).for_each(|(row, text)| profile.add(text, row));
                    }
                    _ => unreachable!("a column has numbers or texts"),
                }
            }
            row += n as u64;
        }
        let mut descriptions = Vec::new();
        let mut mistakes = RowMistakes::default();
        for (i, (column, profile)) in columns.iter_mut().zip(&profiles).enumerate() {
            let column_use = if Some(i) == target { ColumnUse::Target } else { ColumnUse::Feature };
            let forced = options.kinds.get(&column.name).copied();
            let DecidedTyped { mut description, reading, mistakes: of_column } =
                profile.decide(&column.name, column_use, forced);
            mistakes.append(of_column);
            let is_date = matches!(column.content, ValueContent::Days | ValueContent::Instants(_));
            if is_date && forced.is_none() && description.kind != ColumnKind::Constant {
                let reason = "dates".to_owned();
                description = ColumnDescription {
                    kind: ColumnKind::Date,
                    reason,
                    categories: Vec::new(),
                    ..description
                };
            }
            column.reading = if description.kind == ColumnKind::Date && is_date {
                TypedReading::Numbers
            } else {
                reading
            };
            descriptions.push(description);
        }
        let numbers: Vec<bool> =
            columns.iter().map(|column| matches!(column.reading, TypedReading::Numbers)).collect();
        keep_a_feature(descriptions.iter_mut().collect(), target, &numbers);
        let description = TableDescription {
            name: path.display().to_string(),
            rows: found,
            columns: descriptions,
            target: target.map(|target| names[target].clone()),
            findings: findings(&left_out),
        };
        let mistakes = mistakes.with_advice(TEXTS_ADVICE);
        Ok(Self { path: path.to_owned(), columns, description, mistakes })
    }

    /// The next rows, fewer only at the end.
    fn block(&self, rows: &mut ParquetRows, n: usize) -> Result<Option<Table>, DataError> {
        let mut cells: Vec<Cells> =
            self.columns.iter().map(|column| column.reading.empty()).collect();
        let mut len = 0;
        while len < n {
            let Some((found, values)) = rows.next(&self.columns, n - len)? else { break };
            len += found;
            for ((column, values), cells) in self.columns.iter().zip(values).zip(&mut cells) {
                let reading = &column.reading;
                match values {
                    ReadValues::Numbers(numbers) => {
                        numbers.iter().for_each(|&number| reading.push_number(number, cells));
                    }
                    ReadValues::Texts(texts) => {
                        texts.iter().for_each(|text| reading.push_text(text, cells));
                    }
                }
            }
        }
        if len == 0 {
            return Ok(None);
        }
        let names = self.columns.iter().map(|column| column.name.clone());
        let columns = names.zip(cells).map(|(name, cells)| Column { name, cells });
        Table::new(&self.description.name, len, columns.collect()).map(Some)
    }
}

impl TableSource for ParquetFile {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        &self.mistakes
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        if !self.mistakes.is_empty() {
            return Err(DataFault::Rows(self.mistakes.clone()).of(&self.description.name));
        }
        let (mut input, _) = ParquetRows::open(&self.path)?;
        let mut has_ended = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if has_ended {
                return None;
            }
            let block = self.block(&mut input, rows.max(1)).transpose();
            has_ended = !matches!(block, Some(Ok(_)));
            block
        })))
    }
}

/// The columns whose values are read, with different names; and the names of the others.
fn columns(file: &SerializedFileReader<File>) -> (Vec<ParquetColumn>, Vec<String>) {
    let (mut columns, mut left_out, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for (index, column) in
        file.metadata().file_metadata().schema_descr().columns().iter().enumerate()
    {
        let name = column.path().string();
        match ValueContent::of(column) {
            Some(content) if names.insert(name.clone()) => {
                let (level, reading) = (column.max_def_level(), TypedReading::Numbers);
                columns.push(ParquetColumn { index, name, content, level, reading });
            }
            _ => left_out.push(name),
        }
    }
    (columns, left_out)
}

fn findings(left_out: &[String]) -> Vec<Finding> {
    let shown: Vec<_> = left_out.iter().take(SHOWN).cloned().collect();
    let n = left_out.len();
    let found = format!(
        "{n} left out that {} not single values, such as {}",
        if n == 1 { "is" } else { "are" },
        shown.join(", ")
    );
    if n > 0 { vec![Finding::new("columns", found, "")] } else { Vec::new() }
}

/// The rows of a file, from the first one.
struct ParquetRows {
    name: String,
    file: SerializedFileReader<File>,
    /// The number of the next group.
    group: usize,
    /// Rows of the current group that are not read yet.
    left: usize,
    readers: Vec<ColumnReader>,
}

impl ParquetRows {
    /// Opens a file; with the number of its rows.
    fn open(path: &Path) -> Result<(Self, usize), DataError> {
        let name = path.display().to_string();
        let file = files::open(path).map_err(|error| DataFault::Io(error).of(&name))?;
        let file = SerializedFileReader::new(file).map_err(|error| damaged(&error).of(&name))?;
        let groups = file.metadata().row_groups().iter();
        let rows = groups.map(|group| usize::try_from(group.num_rows()).ok());
        let rows = rows.reduce(|sum, rows| sum?.checked_add(rows?)).unwrap_or(Some(0));
        let rows = rows.ok_or_else(|| {
            let what = "found an impossible number of rows in its description".to_owned();
            DataFault::Columns(what).of(&name)
        })?;
        Ok((Self { name, file, group: 0, left: 0, readers: Vec::new() }, rows))
    }

    /// The values of the next rows of a group in each column, at most so many; none at the end.
    fn next(
        &mut self,
        columns: &[ParquetColumn],
        most: usize,
    ) -> Result<Option<(usize, Vec<ReadValues>)>, DataError> {
        while self.left == 0 {
            if self.group == self.file.metadata().num_row_groups() {
                return Ok(None);
            }
            let fault = |error: ParquetError| damaged(&error).of(&self.name);
            let group = self.file.get_row_group(self.group).map_err(fault)?;
            let readers = columns.iter().map(|column| group.get_column_reader(column.index));
            self.readers = readers.collect::<Result<_, _>>().map_err(fault)?;
            self.left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            self.group += 1;
        }
        let n = self.left.min(most);
        self.left -= n;
        let values = columns.iter().zip(&mut self.readers).map(|(column, reader)| {
            let values = column.content.read(reader, n, column.level);
            values.map_err(|what| {
                let name = &column.name;
                DataFault::Columns(format!("column `{name}`: {what}")).of(&self.name)
            })
        });
        Ok(Some((n, values.collect::<Result<_, _>>()?)))
    }
}

fn damaged(error: &ParquetError) -> DataFault {
    let found = format!("a file that is damaged or packed otherwise ({error})");
    let expected =
        "a Parquet file with pages that are plain, or packed by Snappy or gzip".to_owned();
    DataFault::Format { found, expected }
}
