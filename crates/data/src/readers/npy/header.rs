//! The header of an NPY file: a line of Python.

use std::io::Read;

use super::element::Element;
use crate::DataFault;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes of the longest header; usual ones have 128.
const LONGEST: u32 = 1 << 20;

/// What an array is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NpyHeader {
    pub(super) element: Element,
    /// Whether the first axis varies fastest.
    pub(super) column_order: bool,
    /// Samples, then the axes of one.
    pub(super) shape: Vec<usize>,
    /// Bytes of one sample, and of all.
    pub(super) row_bytes: usize,
    pub(super) bytes: usize,
}

impl NpyHeader {
    /// Reads a header. `len` is the number of bytes that the file has, which those of the array may not exceed.
    pub(super) fn read(input: &mut dyn Read, len: u64) -> Result<Self, DataFault> {
        let start: [u8; 8] = bytes(input, 8)?.try_into().expect("eight bytes");
        let format = |found: String| DataFault::Format { found, expected: "a NumPy array".into() };
        if !start.starts_with(MAGIC) {
            return Err(format(format!("bytes that begin with {:02x?}", &start[..6])));
        }
        let size = match start[6] {
            1 => u32::from(u16::from_le_bytes(bytes(input, 2)?.try_into().expect("two bytes"))),
            2 | 3 => u32::from_le_bytes(bytes(input, 4)?.try_into().expect("four bytes")),
            version => return Err(format(format!("version {version} of the format, not 1 to 3"))),
        };
        if size > LONGEST {
            let what = "header".to_owned();
            return Err(DataFault::Announced {
                what,
                found: size.into(),
                limit_bytes: LONGEST.into(),
            });
        }
        let text = bytes(input, size as usize)?;
        // In versions 1 and 2 Latin-1, but what is read of it is ASCII.
        let text = String::from_utf8_lossy(&text).into_owned();
        Self::parse(&text, len)
    }

    fn parse(text: &str, len: u64) -> Result<Self, DataFault> {
        let wrong = |what: &str| DataFault::Columns(format!("header: {what}: {}", text.trim_end()));
        let descr = value(text, "descr").ok_or_else(|| wrong("expected a type `descr`"))?;
        let element =
            match descr.strip_prefix(['\'', '"']).and_then(|rest| rest.split_once(['\'', '"'])) {
                Some((descr, _)) => Element::parse(descr)?,
                None => {
                    return Err(DataFault::Format {
                        found: "an array of records".into(),
                        expected: "an array of numbers; save its fields one by one, as in an NPZ"
                            .into(),
                    });
                }
            };
        let column_order = match value(text, "fortran_order") {
            Some(value) if value.starts_with("True") => true,
            Some(value) if value.starts_with("False") => false,
            _ => return Err(wrong("expected True or False as `fortran_order`")),
        };
        let shape = value(text, "shape").and_then(|value| value.strip_prefix('('));
        let shape = shape.and_then(|value| Some(value.split_once(')')?.0));
        let axis = |axis: &str| axis.trim().trim_end_matches('L').parse::<usize>().ok();
        let axes = shape.map(|axes| axes.trim().trim_end_matches(','));
        let shape: Option<Vec<usize>> = match axes {
            Some("") => Some(Vec::new()),
            axes => axes.and_then(|axes| axes.split(',').map(axis).collect()),
        };
        let shape = shape.ok_or_else(|| wrong("expected sizes of axes as `shape`"))?;
        let Some((&rows, axes)) = shape.split_first() else {
            return Err(DataFault::Columns(
                "is a single value of shape (), expected an axis of samples".into(),
            ));
        };
        let product = |start: usize, axes: &[usize]| {
            axes.iter().try_fold(start, |product: usize, &axis| product.checked_mul(axis))
        };
        let row_bytes = product(element.bytes(), axes);
        let total = row_bytes.and_then(|row| row.checked_mul(rows));
        match (row_bytes, total) {
            (Some(row_bytes), Some(bytes)) if bytes as u64 <= len => {
                Ok(Self { element, column_order, row_bytes, bytes, shape })
            }
            (_, total) => {
                let found = total.map_or(u64::MAX, |total| total as u64);
                let what = format!("an array of shape {shape:?}");
                Err(DataFault::Announced { what, found, limit_bytes: len })
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.shape[0]
    }
}

/// The text behind a key of a Python dictionary.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let quoted = ['\'', '"'].map(|mark| format!("{mark}{key}{mark}"));
    let (at, len) = quoted.iter().find_map(|key| Some((text.find(key.as_str())?, key.len())))?;
    Some(text[at + len..].trim_start().strip_prefix(':')?.trim_start())
}

fn bytes(input: &mut dyn Read, len: usize) -> Result<Vec<u8>, DataFault> {
    let mut bytes = Vec::new();
    input.take(len as u64).read_to_end(&mut bytes)?;
    match bytes.len() {
        found if found < len => Err(DataFault::Truncated { found, expected: len }),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_python_2_and_3_are_read() {
        let parse = |text: &str| NpyHeader::parse(text, 1 << 20);
        let header = parse("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }").unwrap();
        assert_eq!((&header.shape[..], header.column_order, header.bytes), (&[2, 3][..], true, 48));
        let header =
            parse("{\"shape\": (7L,), \"fortran_order\": False, \"descr\": \"|u1\"}").unwrap();
        assert_eq!((&header.shape[..], header.row_bytes), (&[7][..], 1));
        assert_eq!(
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0)}").unwrap().bytes,
            0
        );
    }

    #[test]
    fn what_a_header_announces_is_compared_with_the_file_and_what_it_says_is_checked() {
        let message = |text: &str| NpyHeader::parse(text, 1000).unwrap_err().to_string();
        let shape = |descr: &str, shape: &str| {
            message(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"))
        };
        let announced =
            "an array of shape [1000000000000] announces 1000000000000 bytes, the limit is 1000";
        assert_eq!(shape("'|u1'", "(1000000000000,)"), announced);
        assert!(
            shape("'<f8'", "(99999999999999, 99999999999999)")
                .contains("announces 18446744073709551615")
        );
        assert!(shape("'<f8'", "()").contains("expected an axis of samples"));
        assert!(shape("'<f8'", "(-1,)").contains("expected sizes of axes"));
        assert!(shape("[('a', '<f8')]", "(1,)").contains("found an array of records"));
        assert!(shape("'|O'", "(1,)").contains("Python objects"));
        assert!(message("{}").contains("expected a type"));
    }
}
