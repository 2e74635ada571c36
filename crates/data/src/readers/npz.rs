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

fn look_at(input: &Input, options: &TableOptions) -> Result<ArrayTable, DataError> {
    let members = zip::members(input)?.into_iter().filter_map(|member| {
        let name = member.name.strip_suffix(".npy")?.to_owned();
        Some((name, member))
    });
    let members: Vec<_> = members.collect();
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
    use crate::readers::npy::testing::{f64s, npy};
    use crate::zip::archive;

    fn digits() -> Vec<u8> {
        let pictures = npy("|u1", false, "(3, 2, 2)", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let labels = npy("<f8", false, "(3,)", &f64s(&[0.0, 1.0, 0.0]));
        let other = npy("<f8", false, "(1,)", &f64s(&[5.0]));
        archive(
            &[("y_train.npy", &labels), ("x_train.npy", &pictures), ("y_test.npy", &other)],
            true,
        )
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
        let huge = npy("|u1", false, "(1000000000000,)", &[1, 2, 3]);
        for deflate in [false, true] {
            let bytes = archive(&[("x.npy", &huge)], deflate);
            let error =
                from_bytes("a.npz", &bytes, &TableOptions::default()).unwrap_err().to_string();
            assert!(error.contains("announces 1000000000000 bytes, the limit is "), "{error}");
        }
    }
}
