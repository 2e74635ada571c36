//! NumPy arrays: the columns of a table, or pictures, and their labels.
//!
//! | shape | columns |
//! |---|---|
//! | `(n,)`, `(n, 1)` | one, named as the array |
//! | `(n, k)`, `k` to 4,096 | `x[0]` to `x[k − 1]` |
//! | `(n, …)` | one of arrays |
//!
//! Numbers of any size, order and byte order, booleans and texts are read; objects, records, times and complex numbers
//! are refused. Arrays in row order are read in blocks, those in column order as a whole.
//!
//! Source: the NumPy reference, `numpy.lib.format`, versions 1.0 to 3.0.

mod element;
mod header;
mod named;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::io::Read;
#[cfg(feature = "files")]
use std::path::Path;

pub use self::element::half;
use self::header::NpyHeader;
pub(super) use self::named::NamedArray;
use crate::columns::{
    Cells, Column, ColumnDescription, ColumnKind, ColumnUse, DecidedTyped, Finding, NumberProfile,
    TEXTS_ADVICE, Table, TableBlocks, TableDescription, TableOptions, TableSource, TextProfile,
    TypedProfile, TypedReading, keep_a_feature,
};
use crate::input::Input;
use crate::mistakes::RowMistakes;
use crate::{DataError, DataFault, Features};

/// Different values that are counted in all columns together, and the most in one column.
const VALUES: usize = 1 << 20;
const VALUES_OF_COLUMN: usize = 1 << 16;
/// Bytes that are read at once while values are counted.
const PASS_BYTES: usize = 4 << 20;

/// Arrays of equally many samples as one table.
#[derive(Clone, Debug)]
pub struct ArrayTable {
    arrays: Vec<NamedArray>,
    columns: Vec<ArrayColumn>,
    description: TableDescription,
    mistakes: RowMistakes,
}

/// A column of an array.
#[derive(Clone, Debug)]
struct ArrayColumn {
    /// Which array.
    array: usize,
    /// Which element of a row; none for the whole row.
    element: Option<usize>,
    description: ColumnDescription,
    reading: ElementReading,
}

/// How elements become cells.
#[derive(Clone, Debug)]
enum ElementReading {
    Typed(TypedReading),
    Arrays,
}

type Bytes = Box<dyn Read + Send>;

impl ArrayTable {
    /// Looks at files of arrays, such as features and labels: reads each once. A column is named after its file.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`], [`DataFault::Format`], [`DataFault::Announced`] if a header says more than the file has; and
    /// [`DataFault::Columns`] if the numbers of samples differ.
    #[cfg(feature = "files")]
    pub fn open(paths: &[&Path], options: &TableOptions) -> Result<Self, DataError> {
        let inputs = paths.iter().map(|path| {
            let name = path.file_stem().map_or_else(String::new, |stem| stem.display().to_string());
            (name, Input::Path(path.to_path_buf()))
        });
        Self::of_inputs(inputs.collect(), options)
    }

    /// Looks at the bytes of files of these names.
    ///
    /// # Errors
    ///
    /// Those of [`ArrayTable::open`].
    pub fn from_bytes(files: &[(&str, &[u8])], options: &TableOptions) -> Result<Self, DataError> {
        let input = |&(name, bytes): &(&str, &[u8])| {
            (name.to_owned(), Input::Bytes(name.to_owned(), bytes.into()))
        };
        Self::of_inputs(files.iter().map(input).collect(), options)
    }

    fn of_inputs(inputs: Vec<(String, Input)>, options: &TableOptions) -> Result<Self, DataError> {
        let name = inputs.iter().map(|(_, input)| input.name()).collect::<Vec<_>>().join(", ");
        let arrays = inputs.into_iter().map(|(name, input)| NamedArray::open(name, input, None));
        Self::new(name, arrays.collect::<Result<_, _>>()?, options)
    }

    /// Puts arrays together: labels come last, whatever order they are in.
    pub(super) fn new(
        name: String,
        mut arrays: Vec<NamedArray>,
        options: &TableOptions,
    ) -> Result<Self, DataError> {
        let error = |what: String| DataFault::Columns(what).of(&name);
        arrays.sort_by_key(NamedArray::is_target);
        let Some(first) = arrays.first() else { return Err(error("has no array".to_owned())) };
        let rows = first.header.rows();
        if arrays.iter().any(|array| array.header.rows() != rows) {
            let shape = |array: &NamedArray| format!("{} {:?}", array.name, array.header.shape);
            let shapes: Vec<_> = arrays.iter().map(shape).collect();
            return Err(error(format!(
                "expected arrays of equally many samples, found {}; name those that belong together, such as \
                 `arrays = [\"x_train\", \"y_train\"]`",
                shapes.join(", ")
            )));
        }
        let mut columns = Vec::new();
        for (i, array) in arrays.iter().enumerate() {
            columns.extend(array.columns(i));
        }
        let names: Vec<String> =
            columns.iter().map(|column| column.description.name.clone()).collect();
        let target = options.target_among(&names).map_err(|fault| fault.of(&name))?;
        let kinds: Vec<_> = names.iter().map(|name| options.kinds.get(name).copied()).collect();
        let mistakes = decide(&arrays, &mut columns, rows, target, &kinds)?;
        let findings = arrays.iter().map(|array| {
            let order = if array.header.column_order { ", in column order" } else { "" };
            let found = format!("shape {:?}{order}", array.header.shape);
            Finding::new(format!("array `{}`", array.name), found, "")
        });
        let description = TableDescription {
            name,
            rows,
            columns: columns.iter().map(|column| column.description.clone()).collect(),
            target: target.map(|target| names[target].clone()),
            findings: findings.collect(),
        };
        Ok(Self { arrays, columns, description, mistakes })
    }
}

/// Reads all arrays once and decides what their columns are used as.
fn decide(
    arrays: &[NamedArray],
    columns: &mut [ArrayColumn],
    rows: usize,
    target: Option<usize>,
    kinds: &[Option<ColumnKind>],
) -> Result<RowMistakes, DataError> {
    let mut mistakes = RowMistakes::default();
    let limit = (VALUES / columns.len().max(1)).clamp(16, VALUES_OF_COLUMN);
    for (i, array) in arrays.iter().enumerate() {
        let mut counted: Vec<(usize, usize, TypedProfile)> = (columns.iter().enumerate())
            .filter(|(_, column)| column.array == i)
            .filter_map(|(index, column)| {
                let element = column.element?;
                let profile = match array.header.element.is_text() {
                    true => TypedProfile::Texts(TextProfile::new(limit)),
                    false => TypedProfile::Numbers(NumberProfile::new(limit)),
                };
                Some((index, element, profile))
            })
            .collect();
        if counted.is_empty() {
            continue;
        }
        let NpyHeader { element, row_bytes, .. } = array.header;
        let (mut input, mut row) = (array.elements()?, 0);
        while row < rows {
            let n = (PASS_BYTES / row_bytes.max(1)).clamp(1, rows - row);
            let bytes = array.read(&mut *input, n)?;
            for sample in bytes.chunks_exact(row_bytes) {
                row += 1;
                for (_, at, profile) in &mut counted {
                    let bytes = &sample[*at * element.bytes()..][..element.bytes()];
                    match profile {
                        TypedProfile::Numbers(profile) => profile.add(array.number(bytes, row)?),
                        TypedProfile::Texts(profile) => {
                            profile.add(&element.text(bytes), row as u64)
                        }
                    }
                }
            }
        }
        array.check_end(&mut *input)?;
        for (index, _, profile) in counted {
            let column_use =
                if Some(index) == target { ColumnUse::Target } else { ColumnUse::Feature };
            let column = &mut columns[index];
            let DecidedTyped { description, reading, mistakes: of_column } =
                profile.decide(&column.description.name, column_use, kinds[index]);
            column.description = description;
            column.reading = ElementReading::Typed(reading);
            mistakes.append(of_column);
        }
    }
    let is_number = |column: &ArrayColumn| {
        matches!(column.reading, ElementReading::Typed(TypedReading::Numbers))
    };
    let numbers: Vec<bool> = columns.iter().map(is_number).collect();
    keep_a_feature(
        columns.iter_mut().map(|column| &mut column.description).collect(),
        target,
        &numbers,
    );
    Ok(mistakes.with_advice(TEXTS_ADVICE))
}

impl ArrayColumn {
    /// No cells yet.
    fn empty(&self, header: &NpyHeader) -> Cells {
        match &self.reading {
            ElementReading::Typed(reading) => reading.empty(),
            ElementReading::Arrays => {
                let is_byte = header.element.is_byte();
                let values =
                    if is_byte { Features::U8(Vec::new()) } else { Features::F32(Vec::new()) };
                Cells::Arrays { shape: header.shape[1..].to_vec(), values }
            }
        }
    }

    /// Appends the cell of a sample.
    fn push(
        &self,
        array: &NamedArray,
        sample: &[u8],
        row: usize,
        cells: &mut Cells,
    ) -> Result<(), DataError> {
        let element = array.header.element;
        let bytes = match self.element {
            Some(at) => &sample[at * element.bytes()..][..element.bytes()],
            None => sample,
        };
        match (&self.reading, cells) {
            (ElementReading::Typed(reading @ TypedReading::Texts(_)), cells) => {
                reading.push_text(&element.text(bytes), cells);
            }
            (ElementReading::Typed(reading), cells) => {
                reading.push_number(array.number(bytes, row)?, cells);
            }
            (ElementReading::Arrays, Cells::Arrays { values, .. }) => match values {
                Features::U8(values) => values.extend_from_slice(bytes),
                Features::F32(values) => {
                    for bytes in bytes.chunks_exact(element.bytes()) {
                        values.push(array.number(bytes, row)? as f32);
                    }
                }
            },
            _ => unreachable!("cells begin as `empty` makes them"),
        }
        Ok(())
    }
}

impl TableSource for ArrayTable {
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
        let inputs: Result<Vec<Bytes>, _> = self.arrays.iter().map(NamedArray::elements).collect();
        let (mut inputs, mut row) = (inputs?, 0);
        Ok(Box::new(std::iter::from_fn(move || {
            let n = rows.max(1).min(self.description.rows - row);
            if n == 0 {
                return None;
            }
            let block = self.block(&mut inputs, row, n);
            row = if block.is_ok() { row + n } else { self.description.rows };
            Some(block)
        })))
    }
}

impl ArrayTable {
    fn block(&self, inputs: &mut [Bytes], row: usize, n: usize) -> Result<Table, DataError> {
        let mut columns = Vec::new();
        for (i, (array, input)) in self.arrays.iter().zip(inputs).enumerate() {
            let bytes = array.read(input, n)?;
            for column in self.columns.iter().filter(|column| column.array == i) {
                let mut cells = column.empty(&array.header);
                let samples = bytes.chunks_exact(array.header.row_bytes);
                for (sample, row) in samples.zip(row + 1..) {
                    column.push(array, sample, row, &mut cells)?;
                }
                columns.push(Column { name: column.description.name.clone(), cells });
            }
        }
        Table::new(&self.description.name, n, columns)
    }
}
