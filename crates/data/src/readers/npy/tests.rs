//! The cases of arrays, and their kinds.

use super::testing::{f64s, npy};
use super::*;
use crate::columns::Target;

fn open(bytes: &[u8]) -> ArrayTable {
    ArrayTable::from_bytes(&[("x", bytes)], &TableOptions::default()).unwrap()
}

/// The columns of an array without a target.
#[track_caller]
fn numbers(bytes: &[u8]) -> Vec<Vec<f64>> {
    let options = TableOptions { target: Target::Absent, ..TableOptions::default() };
    let table = ArrayTable::from_bytes(&[("x", bytes)], &options).unwrap().read().unwrap();
    let column = |column: &Column| match &column.cells {
        Cells::Numbers(numbers) => numbers.clone(),
        other => panic!("{other:?}"),
    };
    table.columns().iter().map(column).collect()
}

#[test]
fn both_orders_of_elements_and_of_bytes_and_all_versions_give_the_same_rows() {
    let expected = [vec![1.0, 4.0], vec![2.0, 5.0], vec![3.0, 6.0]];
    let values = f64s(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(numbers(&npy("<f8", true, "(2, 3)", &values)), expected);
    let rows = f64s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(numbers(&npy("<f8", false, "(2, 3)", &rows)), expected);
    let big: Vec<u8> = [1, 4, 2, 5, 3, 6].iter().flat_map(|&n| (n as f32).to_be_bytes()).collect();
    let mut later = npy(">f4", true, "(2, 3)", &big);
    assert_eq!(numbers(&later), expected);
    for version in [2, 3] {
        later[6] = version;
        if version == 2 {
            later.splice(10..10, [0, 0]);
        }
        assert_eq!(numbers(&later), expected, "{version}");
    }
}

#[test]
fn three_axes_in_column_order_are_arrays_in_row_order() {
    // x[i, j, k] = 100 i + 10 j + k of shape (2, 2, 3), the first index fastest.
    let mut stored = Vec::new();
    for k in 0..3 {
        for j in 0..2 {
            stored.extend((0..2).map(|i| 100 * i + 10 * j + k));
        }
    }
    let table = open(&npy("|u1", true, "(2, 2, 3)", &stored));
    let Cells::Arrays { shape, values } = &table.read().unwrap().columns()[0].cells.clone() else {
        panic!("arrays")
    };
    let rows = vec![0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112];
    assert_eq!((&shape[..], values), (&[2, 3][..], &Features::U8(rows)));
}

#[test]
fn booleans_columns_of_labels_and_arrays_without_features_are_read() {
    let booleans = open(&npy("|b1", false, "(4, 1)", &[0, 1, 1, 0]));
    assert_eq!(booleans.description().columns[0].kind, ColumnKind::WholeCategory);
    let labels: Vec<u8> = (0..30_i64).flat_map(|i| (i % 3).to_le_bytes()).collect();
    let labels = open(&npy("<i8", false, "(30, 1)", &labels));
    assert_eq!((labels.description().rows, labels.description().columns.len()), (30, 1));
    let counts = labels.description().columns[0].categories.clone();
    assert_eq!(counts, ["0", "1", "2"].map(|name| (name.to_owned(), 10)));
    let none = open(&npy("<f8", false, "(2, 0)", &[]));
    assert_eq!((none.read().unwrap().len(), none.description().columns.len()), (2, 0));
    let texts: Vec<u8> = "catdogcat".chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
    let texts = open(&npy("<U3", false, "(3,)", &texts));
    assert_eq!(texts.description().columns[0].categories[0], ("cat".to_owned(), 2));
}

#[test]
fn objects_single_values_and_files_that_are_cut_are_errors() {
    let message = |bytes: &[u8]| {
        let result = ArrayTable::from_bytes(&[("x", bytes)], &TableOptions::default());
        result.map(|table| table.description().rows).unwrap_err().to_string()
    };
    let objects = message(&npy("|O", false, "(2,)", b"\x80\x04K\x01.K\x02.........."));
    assert!(objects.contains("found Python objects (`|O`)"), "{objects}");
    let single = "x: is a single value of shape (), expected an axis of samples";
    assert_eq!(message(&npy("<f8", false, "()", &f64s(&[1.0]))), single);
    let whole = npy("<f8", false, "(2,)", &f64s(&[1.0, 2.0]));
    for len in 0..whole.len() {
        assert!(!message(&whole[..len]).is_empty(), "{len}");
    }
    assert_eq!(
        message(&[&whole[..], b"x"].concat()),
        "x: expected 16 bytes as the header says, found more"
    );
    let beyond: Vec<u8> = [1_i64, i64::MAX].iter().flat_map(|n| n.to_le_bytes()).collect();
    let text = message(&npy("<i8", false, "(2,)", &beyond));
    assert!(text.starts_with("x: row 2 of `x`: found a whole number beyond 2^53"), "{text}");
}

#[test]
fn features_and_labels_of_two_files_are_one_table_read_in_blocks() {
    let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 4.0).collect();
    let x = npy("<f8", false, "(20, 2)", &f64s(&x));
    let y =
        npy("<f8", false, "(20,)", &f64s(&(0..20).map(|i| f64::from(i % 2)).collect::<Vec<_>>()));
    let files: [(&str, &[u8]); 2] = [("y", &y), ("x", &x)];
    let table = ArrayTable::from_bytes(&files, &TableOptions::default()).unwrap();
    let names: Vec<_> = table.description().columns.iter().map(|column| &*column.name).collect();
    assert_eq!(
        (names, table.description().target.as_deref()),
        (vec!["x[0]", "x[1]", "y"], Some("y"))
    );
    let whole = table.read().unwrap();
    for rows in [1, 7, 20, 21] {
        let mut blocks = table.blocks(rows).unwrap().map(Result::unwrap);
        let mut together = blocks.next().unwrap();
        blocks.for_each(|block| together.append(block));
        assert_eq!(together, whole);
    }
    let short = npy("<f8", false, "(1,)", &f64s(&[1.0]));
    let error = ArrayTable::from_bytes(&[("x", &x), ("y", &short)], &TableOptions::default());
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("expected arrays of equally many samples, found x [20, 2], y [1]"),
        "{text}"
    );
}

#[test]
fn texts_that_are_not_the_numbers_that_the_user_says_are_named_and_never_missing() {
    let text = |i: usize| if i == 120 { "many".to_owned() } else { format!("{:<4}", i % 9) };
    let bytes = (0..200).flat_map(|i| text(i).chars().collect::<Vec<_>>());
    let bytes: Vec<u8> = bytes.flat_map(|c| (c as u32).to_le_bytes()).collect();
    let open = |kinds: &[(&str, ColumnKind)]| {
        let kinds = kinds.iter().map(|&(name, kind)| (name.to_owned(), kind)).collect();
        let options = TableOptions { target: Target::Absent, kinds, ..TableOptions::default() };
        ArrayTable::from_bytes(&[("x", &npy("<U4", false, "(200,)", &bytes))], &options).unwrap()
    };
    let found = open(&[]);
    assert_eq!(found.description().columns[0].kind, ColumnKind::Category);
    assert_eq!((found.description().columns[0].missing, found.read().unwrap().len()), (0, 200));
    let error = open(&[("x", ColumnKind::Number)]).read().unwrap_err().to_string();
    assert!(
        error.starts_with("x: row 121, column `x`: found `many`, expected a number"),
        "{error}"
    );
    assert!(error.ends_with("do not set the kind of the column in `kinds`"), "{error}");
}
