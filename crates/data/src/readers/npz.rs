//! NPZ: NumPy arrays in a ZIP archive, stored or deflated.
//!
//! A member `x.npy` is the array `x`. What becomes of arrays is said in [`npy`](super::npy).
//!
//! Source: the NumPy reference, `numpy.savez`.

#[cfg(feature = "files")]
use std::path::Path;

use super::npy::{ArrayTable, NamedArray};
use crate::columns::TableOptions;
use crate::input::Input;
use crate::{DataError, DataFault, zip};

/// Looks at the arrays of an archive: reads each once.
///
/// # Errors
///
/// Those of [`ArrayTable::open`]; [`DataFault::Announced`] also if the archive announces sizes that are not possible.
#[cfg(feature = "files")]
pub fn open(path: &Path, options: &TableOptions) -> Result<ArrayTable, DataError> {
    look_at(&Input::Path(path.to_owned()), options)
}

/// Looks at the bytes of an archive of this name.
///
/// # Errors
///
/// Those of [`open`].
pub fn from_bytes(
    name: &str,
    bytes: &[u8],
    options: &TableOptions,
) -> Result<ArrayTable, DataError> {
    look_at(&Input::Bytes(name.to_owned(), bytes.into()), options)
}

/// An array of numbers, as the weights of a network are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberArray {
    /// Its name.
    pub name: String,
    /// The size of each axis.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f32>,
}

/// Reads all arrays of the bytes of an archive of this name, whatever type their numbers have.
///
/// # Errors
///
/// [`DataFault::Format`] if an array is not of numbers; those of [`ArrayTable::open`].
pub fn read_arrays(name: &str, bytes: &[u8]) -> Result<Vec<NumberArray>, DataError> {
    let input = Input::Bytes(name.to_owned(), bytes.into());
    let arrays = members(&input)?.into_iter().map(|(name, member)| {
        let array = NamedArray::open(name.clone(), input.clone(), Some(member))?;
        let (shape, values) = array.numbers()?;
        Ok(NumberArray { name, shape, values })
    });
    arrays.collect()
}

/// The bytes of an archive with these arrays, of 32-bit numbers.
///
/// # Errors
///
/// [`DataFault::Announced`] for 4 GiB or more.
pub fn write_arrays(name: &str, arrays: &[NumberArray]) -> Result<Vec<u8>, DataError> {
    let members = arrays.iter().map(|array| (format!("{}.npy", array.name), npy(array)));
    let members: Vec<(String, Vec<u8>)> = members.collect();
    // A name stands twice beside at most 76 bytes of fields.
    let sizes = members.iter().map(|(name, bytes)| bytes.len() + 2 * name.len() + 128);
    let found = sizes.sum::<usize>();
    if found > zip::MAX_ARCHIVE || members.len() > zip::MAX_MEMBERS {
        let what = format!("an archive of {} arrays", members.len());
        let (found, limit_bytes) = (found as u64, zip::MAX_ARCHIVE as u64);
        return Err(DataFault::Announced { what, found, limit_bytes }.of(name));
    }
    Ok(zip::archive(&members, false))
}

/// The bytes of an NPY file of version 1, whose data begin at a multiple of 64.
fn npy(array: &NumberArray) -> Vec<u8> {
    let shape: String = array.shape.iter().map(|size| format!("{size}, ")).collect();
    let shape = shape.trim_end();
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let start = 10 + text.len() + 1;
    let header = format!("{text}{}\n", " ".repeat(start.next_multiple_of(64) - start));
    let len = (header.len() as u16).to_le_bytes();
    let values = array.values.iter().flat_map(|value| value.to_le_bytes());
    let start = [b"\x93NUMPY\x01\0", &len[..], header.as_bytes()].concat();
    start.into_iter().chain(values).collect()
}

/// The arrays of an archive by name.
fn members(input: &Input) -> Result<Vec<(String, zip::ZipMember)>, DataError> {
    let members = zip::members(input)?.into_iter().filter_map(|member| {
        let name = member.name.strip_suffix(".npy")?.to_owned();
        Some((name, member))
    });
    Ok(members.collect())
}

fn look_at(input: &Input, options: &TableOptions) -> Result<ArrayTable, DataError> {
    let members = members(input)?;
    let known = || members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = options.arrays.iter().find(|name| members.iter().all(|(n, _)| n != *name)) {
        let found = format!("has no array `{name}`; its arrays are {}", known());
        return Err(input.error(DataFault::Columns(found)));
    }
    let is_used = |name: &String| options.arrays.is_empty() || options.arrays.contains(name);
    let arrays = members
        .iter()
        .filter(|(name, _)| is_used(name))
        .map(|(name, member)| NamedArray::open(name.clone(), input.clone(), Some(member.clone())));
    ArrayTable::new(input.name(), arrays.collect::<Result<_, _>>()?, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{Cells, TableSource};
    use crate::readers::npy::testing::{f64s, npy as npy_of};
    use crate::zip::archive;

    fn digits() -> Vec<u8> {
        let pictures = npy_of("|u1", false, "(3, 2, 2)", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let labels = npy_of("<f8", false, "(3,)", &f64s(&[0.0, 1.0, 0.0]));
        let other = npy_of("<f8", false, "(1,)", &f64s(&[5.0]));
        archive(
            &[("y_train.npy", &labels), ("x_train.npy", &pictures), ("y_test.npy", &other)],
            true,
        )
    }

    #[test]
    fn arrays_of_numbers_are_written_and_read() {
        let array = |name: &str, shape: &[usize], values: &[f32]| NumberArray {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let arrays = [
            array("W1", &[2, 3], &[1.0, -2.5, 0.0, f32::MIN_POSITIVE, 1e30, f32::INFINITY]),
            array("b1", &[3], &[0.1, 0.2, 0.3]),
            array("none", &[0, 4], &[]),
        ];
        let bytes = write_arrays("a.npz", &arrays).unwrap();
        assert_eq!(read_arrays("a.npz", &bytes).unwrap(), arrays);
        let table = from_bytes("a.npz", &bytes, &TableOptions::default());
        assert!(table.is_err(), "of different numbers of rows");
        // Other types become the same numbers.
        let whole = npy_of("|i1", true, "(2, 2)", &[1, 2, 255, 4]);
        let half = npy_of("<f2", false, "(1,)", &[0, 0x3c]);
        let bytes = archive(&[("i.npy", &whole), ("h.npy", &half)], true);
        let expected = [array("i", &[2, 2], &[1.0, -1.0, 2.0, 4.0]), array("h", &[1], &[1.0])];
        assert_eq!(read_arrays("a.npz", &bytes).unwrap(), expected);
        let text = npy_of("<U1", false, "(1,)", &[65, 0, 0, 0]);
        let error = read_arrays("a.npz", &archive(&[("t.npy", &text)], false)).unwrap_err();
        assert_eq!(error.to_string(), "a.npz: expected numbers, found `t` of texts");
    }

    #[test]
    fn named_arrays_are_columns_and_labels_come_last() {
        let arrays = vec!["x_train".into(), "y_train".into()];
        let options = TableOptions { arrays, ..TableOptions::default() };
        let table = from_bytes("digits.npz", &digits(), &options).unwrap();
        assert_eq!(table.description().target.as_deref(), Some("y_train"));
        assert_eq!(table.description().columns[0].shape, [2, 2]);
        let Cells::Categories { codes, categories } =
            &table.read().unwrap().columns()[1].cells.clone()
        else {
            panic!("labels")
        };
        assert_eq!(
            (&codes[..], &categories[..]),
            (&[0, 1, 0][..], &["0".to_owned(), "1".to_owned()][..])
        );
    }

    #[test]
    fn arrays_that_do_not_belong_together_are_shown_with_what_to_do() {
        let error = from_bytes("digits.npz", &digits(), &TableOptions::default()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("found x_train [3, 2, 2], y_train [3], y_test [1]; name those"),
            "{text}"
        );
        let options = TableOptions { arrays: vec!["z".into()], ..TableOptions::default() };
        let error = from_bytes("digits.npz", &digits(), &options).unwrap_err().to_string();
        assert_eq!(error, "digits.npz: has no array `z`; its arrays are y_train, x_train, y_test");
    }

    #[test]
    fn a_terabyte_that_is_announced_is_refused_before_it_is_allocated() {
        let huge = npy_of("|u1", false, "(1000000000000,)", &[1, 2, 3]);
        for deflate in [false, true] {
            let bytes = archive(&[("x.npy", &huge)], deflate);
            let error =
                from_bytes("a.npz", &bytes, &TableOptions::default()).unwrap_err().to_string();
            assert!(error.contains("announces 1000000000000 bytes, the limit is "), "{error}");
        }
    }
}
