//! An array in a file or in an archive.

use std::io::{Cursor, Read, SeekFrom};
use std::sync::Arc;

use super::header::NpyHeader;
use super::{ArrayColumn, Bytes, ElementReading};
use crate::columns::{ColumnDescription, ColumnKind, TypedReading};
use crate::input::Input;
use crate::zip::{self, ZipMember};
use crate::{DataError, DataFault};

/// The most columns that become columns of a table; the rows of more are arrays.
const MOST_COLUMNS: usize = 4096;
/// The most bytes of an array in column order, which is held in memory.
const COLUMN_ORDER_BYTES: usize = 4 << 30;

/// An array that is read when it is used.
#[derive(Clone, Debug)]
pub(in crate::readers) struct NamedArray {
    pub(super) name: String,
    pub(super) header: NpyHeader,
    input: Input,
    /// The member of an archive, instead of the whole file.
    member: Option<ZipMember>,
    /// The elements in row order, if they are stored in column order.
    elements: Option<Arc<[u8]>>,
}

impl NamedArray {
    /// Reads the header of an array, and all of it if it is in column order.
    pub(in crate::readers) fn open(
        name: String,
        input: Input,
        member: Option<ZipMember>,
    ) -> Result<Self, DataError> {
        let len = match &member {
            Some(member) => member.size,
            None => input.open()?.seek(SeekFrom::End(0)).map_err(|error| input.error(error))?,
        };
        let mut bytes = open(&input, member.as_ref())?;
        let header = NpyHeader::read(&mut bytes, len).map_err(|fault| input.error(fault))?;
        let mut array = Self { name, header, input, member, elements: None };
        if array.header.element.is_text() && array.header.shape.len() > 2 {
            let found = format!("`{}` has texts of shape {:?}", array.name, array.header.shape);
            return Err(array
                .input
                .error(DataFault::Columns(found + ", expected one or two axes")));
        }
        if array.header.column_order && array.header.shape.len() > 1 {
            array.put_in_row_order(&mut bytes)?;
        }
        Ok(array)
    }

    /// Whether the name says that it has labels or targets.
    pub(super) fn is_target(&self) -> bool {
        let name = self.name.to_lowercase();
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| {
            ["y", "label", "labels", "target", "targets", "class", "classes"].contains(&word)
        })
    }

    fn put_in_row_order(&mut self, input: &mut dyn Read) -> Result<(), DataError> {
        let NpyHeader { bytes: len, ref shape, element, row_bytes, .. } = self.header;
        if len > COLUMN_ORDER_BYTES {
            return Err(self.input.error(DataFault::Announced {
                what: "an array in column order, which is not read in blocks,".to_owned(),
                found: len as u64,
                limit_bytes: COLUMN_ORDER_BYTES as u64,
            }));
        }
        let stored = self.read(input, self.header.rows())?;
        let mut elements = vec![0; len];
        let size = element.bytes();
        let mut index = vec![0; shape.len()];
        for bytes in stored.chunks_exact(size) {
            // The offset in row order of the element whose first index varies fastest.
            let at = index.iter().zip(shape).fold(0, |at, (i, axis)| at * axis + i);
            elements[at * size..][..size].copy_from_slice(bytes);
            for (i, axis) in index.iter_mut().zip(shape) {
                *i += 1;
                if *i < *axis {
                    break;
                }
                *i = 0;
            }
        }
        debug_assert_eq!(row_bytes * shape[0], len);
        self.elements = Some(elements.into());
        Ok(())
    }

    /// The elements in row order, from the first one.
    pub(super) fn elements(&self) -> Result<Bytes, DataError> {
        if let Some(elements) = &self.elements {
            return Ok(Box::new(Cursor::new(elements.clone())));
        }
        let mut bytes = open(&self.input, self.member.as_ref())?;
        NpyHeader::read(&mut bytes, u64::MAX).map_err(|fault| self.input.error(fault))?;
        Ok(bytes)
    }

    /// The bytes of the next rows.
    pub(super) fn read(&self, input: &mut dyn Read, rows: usize) -> Result<Vec<u8>, DataError> {
        let len = rows * self.header.row_bytes;
        let mut bytes = Vec::new();
        input.take(len as u64).read_to_end(&mut bytes).map_err(|error| self.input.error(error))?;
        match bytes.len() {
            found if found < len => {
                Err(self.input.error(DataFault::Truncated { found, expected: len }))
            }
            _ => Ok(bytes),
        }
    }

    /// Reads the end, where an archive compares its checksum.
    pub(super) fn check_end(&self, input: &mut dyn Read) -> Result<(), DataError> {
        match input.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.input.error(DataFault::Trailing(self.header.bytes))),
            Err(error) => Err(self.input.error(error)),
        }
    }

    /// The number of an element in a row, counted from 1.
    pub(super) fn number(&self, bytes: &[u8], row: usize) -> Result<f64, DataError> {
        self.header.element.number(bytes).ok_or_else(|| {
            let name = &self.name;
            self.input.error(DataFault::Columns(format!(
                "row {row} of `{name}`: found a whole number beyond 2^53, where neighbours cannot be told apart; \
                 save such names as texts"
            )))
        })
    }

    /// Its shape and all its numbers.
    pub(in crate::readers) fn numbers(&self) -> Result<(Vec<usize>, Vec<f32>), DataError> {
        let NpyHeader { element, ref shape, .. } = self.header;
        if element.is_text() {
            let (found, expected) = (format!("`{}` of texts", self.name), "numbers".to_owned());
            return Err(self.input.error(DataFault::Format { found, expected }));
        }
        let mut bytes = self.elements()?;
        let elements = self.read(&mut *bytes, self.header.rows())?;
        self.check_end(&mut *bytes)?;
        let numbers = elements.chunks_exact(element.bytes()).zip(1..);
        let values = numbers.map(|(bytes, row)| Ok(self.number(bytes, row)? as f32));
        Ok((shape.clone(), values.collect::<Result<_, DataError>>()?))
    }

    /// The columns of the array, which has this index.
    pub(super) fn columns(&self, array: usize) -> Vec<ArrayColumn> {
        let NpyHeader { shape, row_bytes, .. } = &self.header;
        let column = |element: Option<usize>, name: String| ArrayColumn {
            array,
            element,
            description: ColumnDescription {
                name,
                kind: ColumnKind::Array,
                reason: String::new(),
                missing: 0,
                distinct: None,
                categories: Vec::new(),
                shape: Vec::new(),
                has_frequent_values: false,
                notation: None,
            },
            reading: ElementReading::Typed(TypedReading::Numbers),
        };
        match shape[1..] {
            _ if *row_bytes == 0 => Vec::new(),
            [] | [1] => vec![column(Some(0), self.name.clone())],
            [n] if n <= MOST_COLUMNS => {
                (0..n).map(|i| column(Some(i), format!("{}[{i}]", self.name))).collect()
            }
            ref axes => {
                let mut column = column(None, self.name.clone());
                column.description.shape = axes.to_vec();
                column.description.reason = format!("arrays of shape {axes:?}");
                column.reading = ElementReading::Arrays;
                vec![column]
            }
        }
    }
}

fn open(input: &Input, member: Option<&ZipMember>) -> Result<Bytes, DataError> {
    match member {
        Some(member) => zip::open(input, member),
        None => Ok(Box::new(std::io::BufReader::new(input.open()?))),
    }
}
