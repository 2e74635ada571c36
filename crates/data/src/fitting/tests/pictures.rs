//! Transforms of pictures.

use super::*;
use crate::{Dataset, RowBuffer};

/// Two pictures of 5 × 4 pixels, whose bytes are all different within a picture.
fn colors(features: fn(Vec<u8>) -> Features) -> Dataset {
    let bytes = (0..120_u32).map(|i| (i * 83 % 251) as u8).collect();
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    Dataset::new("two", [5, 4, 3], features(bytes), targets).unwrap()
}

fn reals(bytes: Vec<u8>) -> Features {
    Features::F32(bytes.into_iter().map(f32::from).collect())
}

fn arrays(list: &str) -> TransformPlan {
    plan(&format!("arrays = [{list}]"))
}

#[test]
fn the_middle_of_a_picture_in_grey_is_what_the_definitions_say() {
    let set = colors(Features::U8);
    let fitted = arrays("{ kind = 'crop', size = [2, 3] }, { kind = 'gray' }, { kind = 'divide' }")
        .fit_dataset(&set)
        .unwrap();
    let encoded = fitted.encode_dataset(set.clone()).unwrap();
    assert_eq!((encoded.sample_shape(), encoded.divisor()), (&[2, 3, 1][..], 255.0));
    assert_eq!(fitted.features()[5], "features[5]");
    for sample in 0..2 {
        let pixels = set.sample(sample).unwrap();
        let grey = |row: usize, column: usize| {
            let at = |channel| f64::from(pixels[(row * 4 + column) * 3 + channel]);
            ((299.0 * at(0) + 587.0 * at(1) + 114.0 * at(2)) / 1000.0).round() as f32
        };
        // Of 5 rows the second and the third, of 4 columns the first three.
        let expected: Vec<f32> =
            [1, 2].iter().flat_map(|&row| (0..3).map(move |column| grey(row, column))).collect();
        assert_eq!(encoded.sample(sample), Some(expected));
    }
}

#[test]
fn bytes_stay_bytes_and_rows_have_the_same_features_wherever_they_come_from() {
    for list in [
        "{ kind = 'resize', size = [3, 7] }, { kind = 'divide' }",
        "{ kind = 'gray' }, { kind = 'resize', size = [9, 2] }, { kind = 'color' }",
        "{ kind = 'color' }, { kind = 'crop', size = [5, 4] }, { kind = 'divide', by = 0.1 }",
        "{ kind = 'divide' }, { kind = 'resize', size = [2, 2] }",
        "{ kind = 'resize', size = [2, 2] }, { kind = 'standardize' }",
    ] {
        let (bytes, numbers) = (colors(Features::U8), colors(reals));
        let fitted = arrays(list).fit_dataset(&bytes).unwrap();
        assert_eq!(FittedTransforms::from_toml(&fitted.to_toml()).unwrap(), fitted);
        let encoded = fitted.encode_dataset(bytes.clone()).unwrap();
        let keeps_bytes = !list.contains("standardize") && !list.starts_with("{ kind = 'divide'");
        // 0.1 is not a number of `f32`.
        assert_eq!(encoded.is_bytes(), keeps_bytes && !list.contains("0.1"), "{list}");
        let features = |set: &Dataset, sample| -> Vec<f32> {
            let divisor = set.divisor();
            set.sample(sample).unwrap().iter().map(|x| x / divisor).collect()
        };
        let as_numbers = fitted.encode_dataset(numbers).unwrap();
        for sample in 0..2 {
            let expected = features(&encoded, sample);
            assert_eq!(features(&as_numbers, sample), expected, "{list}");
            let mut row = vec![f32::NAN; fitted.width()];
            let before = bytes.sample(sample).unwrap();
            fitted.encode_numbers(&before, &mut RowBuffer::default(), &mut row);
            assert_eq!(row, expected, "{list}");
            let table = fitted.row([("features", before.as_slice().into())]).unwrap();
            fitted.encode(&table, [0], &mut row).unwrap();
            assert_eq!(row, expected, "{list}");
        }
    }
}

#[test]
fn pictures_of_real_numbers_are_scaled_without_rounding() {
    let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    let values = Features::F32(vec![0.0, 0.25, 0.5, 0.25]);
    let set = Dataset::new("two", [1, 2], values, targets).unwrap();
    let fitted = arrays("{ kind = 'resize', size = [1, 1] }").fit_dataset(&set).unwrap();
    let encoded = fitted.encode_dataset(set.clone()).unwrap();
    assert_eq!(encoded.features(), Some(&Features::F32(vec![0.125, 0.375])));
    let fitted = arrays("{ kind = 'color' }").fit_dataset(&set).unwrap();
    let encoded = fitted.encode_dataset(set).unwrap();
    assert_eq!(encoded.sample_shape(), [1, 2, 3]);
    assert_eq!(encoded.sample(0), Some(vec![0.0, 0.0, 0.0, 0.25, 0.25, 0.25]));
}

#[test]
fn what_pictures_cannot_become_is_refused_with_what_to_do() {
    let message = |list: &str, set: &Dataset| {
        arrays(list).fit_dataset(set).map(|fitted| fitted.width()).unwrap_err().to_string()
    };
    let set = colors(Features::U8);
    for (list, expected) in [
        (
            "{ kind = 'crop', size = [6, 4] }",
            "two: transforms of column `features`: crop: size is [6, 4], expected at most [5, 4], that of the pictures; put \
             `resize` before it, or take less",
        ),
        (
            "{ kind = 'resize', size = [0, 4] }",
            "two: transforms of column `features`: resize: size is [0, 4], expected rows and columns, 1 to 1048576 pixels",
        ),
        (
            "{ kind = 'resize', size = [4294967296, 4294967296] }",
            "two: transforms of column `features`: resize: size is [4294967296, 4294967296], expected rows and columns, 1 to \
             1048576 pixels",
        ),
        (
            "{ kind = 'resize', size = [1024, 1024] }",
            "two: transforms of column `features`: expected at most 1048576 features, found more",
        ),
    ] {
        assert_eq!(message(list, &set), expected);
    }
    let flat = Dataset::new(
        "flat",
        [4],
        Features::U8(vec![0; 8]),
        Targets::Labels { values: vec![0, 1], classes: 2 },
    );
    assert_eq!(
        message("{ kind = 'gray' }", &flat.unwrap()),
        "flat: transforms of column `features`: gray: found arrays of shape [4], expected pictures: [rows, columns] or \
         [rows, columns, 1 or 3 channels]"
    );
    let table = source(vec![numbers("x", &[1.0, 2.5])], &[("x", ColumnKind::Number)]);
    let error = plan("numbers = [{ kind = 'color' }]").fit(&table, ALL).unwrap_err().to_string();
    assert!(error.ends_with("color: found single numbers, expected pictures"), "{error}");
}

#[test]
fn saved_transforms_of_pictures_that_do_not_fit_their_column_are_refused() {
    let set = colors(Features::U8);
    let list = "{ kind = 'resize', size = [3, 7] }, { kind = 'crop', size = [2, 2] }, { kind = 'gray' }, { kind = 'color' }";
    let text = arrays(list).fit_dataset(&set).unwrap().to_toml();
    for (from, to) in [
        ("from = [5, 4, 3]", "from = [5, 4, 1]"),
        ("size = [3, 7]", "size = [1, 7]"),
        ("size = [3, 7]", "size = [0, 7]"),
        ("size = [3, 7]", "size = [4294967296, 4294967296]"),
        ("size = [2, 2]", "size = [4, 2]"),
        ("from = [2, 2, 3]", "from = [2, 3, 3]"),
        ("from = [2, 2, 1]", "from = [2, 2, 3]"),
    ] {
        assert!(text.contains(from), "{text}");
        let error = FittedTransforms::from_toml(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains("was fitted to another column"), "{from}: {error}");
    }
}

#[test]
fn a_reader_gives_pictures_the_form_that_a_list_begins_with() {
    for (list, size, channels) in [
        ("{ kind = 'divide' }", None, None),
        ("{ kind = 'gray' }, { kind = 'resize', size = [3, 7] }", Some([3, 7]), Some(1)),
        ("{ kind = 'resize', size = [3, 7] }, { kind = 'color' }", Some([3, 7]), Some(3)),
        ("{ kind = 'gray' }, { kind = 'color' }", None, Some(1)),
        ("{ kind = 'crop', size = [3, 7] }, { kind = 'gray' }", None, None),
    ] {
        assert_eq!(arrays(list).picture_form("picture"), (size, channels), "{list}");
        let of_column = plan(&format!("columns.picture = [{list}]"));
        assert_eq!(of_column.picture_form("picture"), (size, channels), "{list}");
        assert_eq!(of_column.picture_form("other"), (None, None));
    }
}
