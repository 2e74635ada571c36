//! Features against plain computations.

mod datasets;
mod pictures;
mod refused;

use kernels::random::Stream;

use super::{FittedTarget, FittedTransforms, TransformPlan, UnseenCategory};
use crate::columns::{
    Cells, Column, ColumnKind, MISSING, MemoryTable, Table, TableOptions, TableSource as _, Target,
};
use crate::readers::csv::CsvFile;
use crate::{DataError, Features, Targets};

const ALL: &dyn Fn(usize) -> bool = &|_| true;

fn column(name: &str, cells: Cells) -> Column {
    Column { name: name.to_owned(), cells }
}

fn numbers(name: &str, numbers: &[f64]) -> Column {
    column(name, Cells::Numbers(numbers.to_vec()))
}

fn categories(name: &str, codes: &[u32], categories: &[&str]) -> Column {
    let categories = categories.iter().map(|&category| category.to_owned()).collect();
    column(name, Cells::Categories { codes: codes.to_vec(), categories })
}

/// A source of features without a target, of the kinds that are named or found.
fn source(columns: Vec<Column>, kinds: &[(&str, ColumnKind)]) -> MemoryTable {
    let rows = match &columns[0].cells {
        Cells::Numbers(numbers) => numbers.len(),
        Cells::Categories { codes, .. } => codes.len(),
        Cells::Texts(texts) => texts.len(),
        Cells::Arrays { .. } => panic!("the first column has a cell for each row"),
    };
    let kinds = kinds.iter().map(|&(name, kind)| (name.to_owned(), kind)).collect();
    let options = TableOptions { target: Target::Absent, kinds, ..TableOptions::default() };
    MemoryTable::new(Table::new("t", rows, columns).unwrap(), &options).unwrap()
}

fn plan(text: &str) -> TransformPlan {
    toml::from_str(text).unwrap()
}

/// All rows as features, one row after the other.
fn encoded(fitted: &FittedTransforms, table: &Table) -> Vec<f32> {
    let mut to = vec![f32::NAN; table.len() * fitted.width()];
    fitted.encode(table, 0..table.len(), &mut to).unwrap();
    to
}

/// The features of one column of numbers under a list of transforms, fitted to all rows.
fn transformed(list: &str, x: &[f64]) -> Vec<f32> {
    let source = source(vec![numbers("x", x)], &[("x", ColumnKind::Number)]);
    let fitted = plan(&format!("numbers = {list}")).fit(&source, ALL).unwrap();
    encoded(&fitted, source.table())
}

const STANDARDIZE: &str = "[{ kind = 'standardize' }]";
const ROBUST: &str = "[{ kind = 'robust_scale' }]";

#[test]
fn numbers_are_standardized_as_a_plain_computation_says() {
    let mut random = Stream::new(5, 0);
    let x: Vec<f64> = (0..1000).map(|_| 40.0 + 13.0 * random.normal()).collect();
    let mean = x.iter().sum::<f64>() / 1000.0;
    let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
    for (found, x) in transformed(STANDARDIZE, &x).into_iter().zip(x) {
        let expected = (x - mean) / deviation;
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn numbers_beyond_the_whole_ones_of_f32_are_told_apart() {
    for x in
        [[1e9, 1e9 + 1.0], [1_707_954_127_790.0, 1_707_954_127_791.0], [16_777_216.0, 16_777_217.0]]
    {
        assert_eq!(transformed(STANDARDIZE, &x), [-1.0, 1.0]);
    }
}

#[test]
fn a_number_that_is_constant_in_the_training_part_does_not_become_nan() {
    let mut x = vec![14.62; 1000];
    x.push(20.0);
    let source = source(vec![numbers("x", &x)], &[]);
    let train: &dyn Fn(usize) -> bool = &|row| row < 1000;
    for (plan, other) in [(TransformPlan::default(), 5.38), (TransformPlan::tabular(), 0.0)] {
        let fitted = plan.fit(&source, train).unwrap();
        let features = encoded(&fitted, source.table());
        assert!(features[..1000].iter().all(|&x| x == 0.0));
        assert!((features[1000] - other).abs() < 1e-6, "{}", features[1000]);
    }
}

#[test]
fn robust_scaling_is_that_of_realmlp() {
    // Quartiles 2, 3, 4; an outlier stays below the limit.
    let features = transformed(ROBUST, &[1.0, 2.0, 3.0, 4.0, 1e12]);
    let clip = |z: f64| (z / (1.0 + (z / 3.0).powi(2)).sqrt()) as f32;
    assert_eq!(features, [clip(-1.0), clip(-0.5), 0.0, clip(0.5), 3.0]);
    // The quartiles are equal: half of the range instead.
    let features = transformed(ROBUST, &[5.0, 5.0, 5.0, 5.0, 5.0, 9.0]);
    assert_eq!(features, [0.0, 0.0, 0.0, 0.0, 0.0, clip(2.0)]);
    let list = "[{ kind = 'robust_scale', limit = inf }]";
    assert_eq!(transformed(list, &[1.0, 2.0, 3.0, 4.0, 11.0]), [-1.0, -0.5, 0.0, 0.5, 4.0]);
}

#[test]
fn logarithms_keep_the_sign_and_divisions_find_the_largest_magnitude() {
    let log = transformed("[{ kind = 'log' }]", &[0.0, 1.0, -999.0, 1e300]);
    let expected = [0.0, 2_f64.ln(), -1000_f64.ln(), 1e300_f64.ln()].map(|x| x as f32);
    assert_eq!(log, expected);
    assert_eq!(transformed("[{ kind = 'divide' }]", &[1.0, -4.0]), [0.25, -1.0]);
    assert_eq!(transformed("[{ kind = 'divide', by = 10 }]", &[1.0, -4.0]), [0.1, -0.4]);
    assert_eq!(transformed("[{ kind = 'divide' }]", &[0.0, 0.0]), [0.0, 0.0]);
}

#[test]
fn missing_and_infinite_numbers_become_the_median_with_a_flag() {
    let x = [1.0, f64::NAN, 3.0, 8.0, f64::INFINITY];
    let source = source(vec![numbers("age", &x), numbers("x", &[1.5, 2.5, 3.5, 1.0, 2.0])], &[]);
    let fitted = plan("numbers = [{ kind = 'impute' }]").fit(&source, ALL).unwrap();
    assert_eq!(fitted.features(), ["age", "age is missing", "x"]);
    let expected = [1.0, 0.0, 1.5, 3.0, 1.0, 2.5, 3.0, 0.0, 3.5, 8.0, 0.0, 1.0, 3.0, 1.0, 2.0];
    assert_eq!(encoded(&fitted, source.table()), expected);
    assert_eq!(transformed("[{ kind = 'impute', flag = false }]", &x), [1.0, 3.0, 3.0, 8.0, 3.0]);
    // All missing: 0, and the flag is 1.
    assert_eq!(
        transformed("[{ kind = 'impute' }, { kind = 'standardize' }]", &[f64::NAN; 2]),
        [0.0, 1.0, 0.0, 1.0]
    );
    // A flag is not scaled.
    let flags =
        transformed("[{ kind = 'impute' }, { kind = 'robust_scale' }]", &[f64::NAN, 1.0, 2.0, 3.0]);
    assert_eq!([flags[1], flags[3], flags[5], flags[7]], [1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn huge_numbers_and_a_single_row_have_finite_features() {
    for plan in [TransformPlan::default(), TransformPlan::tabular()] {
        for x in [vec![-1.7e308, 1.7e308, 0.0, 1.0], vec![1e300], vec![5e-324, 0.0], vec![f64::NAN]]
        {
            let source = source(vec![numbers("x", &x)], &[("x", ColumnKind::Number)]);
            let fitted = plan.fit(&source, ALL).unwrap();
            let others =
                Table::new("others", 3, vec![numbers("x", &[f64::MAX, f64::MIN, f64::NAN])])
                    .unwrap();
            let features = [encoded(&fitted, source.table()), encoded(&fitted, &others)].concat();
            assert!(features.iter().all(|x| x.is_finite()), "{x:?}: {features:?}");
        }
    }
}

#[test]
fn infinite_and_nan_texts_are_missing_or_refused_and_never_features() -> Result<(), DataError> {
    let options =
        TableOptions { target: Target::Absent, skip_bad_rows: true, ..TableOptions::default() };
    let text = "x,z\n1.5,1\nNaN,2\n3.5,2\n2.5,4\n1e999,7\n";
    let file = CsvFile::from_bytes("t", text.as_bytes(), &options)?;
    let fitted = TransformPlan::default().fit(&file, ALL)?;
    assert!(encoded(&fitted, &file.read()?).iter().all(|x| x.abs() < 10.0));
    Ok(())
}

#[test]
fn categories_are_those_of_the_training_part() {
    let jobs = categories("job", &[2, 0, MISSING, 1, 2], &["clerk", "cook", "judge"]);
    let source = source(vec![jobs], &[]);
    let train: &dyn Fn(usize) -> bool = &|row| row != 3;
    let fitted = TransformPlan::default().fit(&source, train).unwrap();
    assert_eq!(fitted.features(), ["job=clerk", "job=judge", "job is missing"]);
    let mut to = [7.0; 15];
    let unseen = fitted.encode(source.table(), 0..5, &mut to).unwrap();
    assert_eq!(to, [0., 1., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0.]);
    let cook = UnseenCategory { column: "job".into(), category: "cook".into(), rows: 1 };
    assert_eq!(unseen, [cook]);

    let fitted = TransformPlan::tabular().fit(&source, train).unwrap();
    assert_eq!(fitted.features(), ["job=judge"]);
    // Signs −1, 0, 1, 1 in the training part: their median is 0.5, their quartiles are −0.25 and 1.
    let clip = |z: f64| (z / (1.0 + (z / 3.0).powi(2)).sqrt()) as f32;
    assert_eq!(encoded(&fitted, source.table()), [0.4, -1.2, -0.4, -0.4, 0.4].map(clip));

    let ordinal = |list: &str| {
        let fitted = plan(&format!("categories = {list}")).fit(&source, train).unwrap();
        encoded(&fitted, source.table())
    };
    assert_eq!(ordinal("[{ kind = 'ordinal' }]"), [1.0, 0.0, -1.0, -1.0, 1.0]);
    assert_eq!(ordinal("[{ kind = 'impute' }, { kind = 'ordinal' }]"), [1.0, 0.0, 2.0, -1.0, 1.0]);
}

#[test]
fn features_of_categories_are_scaled_where_the_list_says_so() {
    // The published preprocessing does both in this order. Of 8 rows 4, 3 and 1 have a category.
    let jobs = categories("job", &[0, 0, 0, 0, 1, 1, 1, 2], &["clerk", "cook", "judge"]);
    let source = source(vec![jobs], &[]);
    let fitted = TransformPlan::tabular().fit(&source, ALL).unwrap();
    let clip = |z: f64| (z / (1.0 + (z / 3.0).powi(2)).sqrt()) as f32;
    let features = encoded(&fitted, source.table());
    // Median ½ and quartiles 0 and 1; median 0 and quartiles 0 and 1; and half of the range.
    assert_eq!(features[..3], [0.5, 0.0, 0.0].map(clip));
    assert_eq!(features[12..15], [-0.5, 1.0, 0.0].map(clip));
    assert_eq!(features[21..], [-0.5, 0.0, 2.0].map(clip));
}

#[test]
fn codes_of_another_table_are_matched_by_name() {
    let train = source(vec![categories("c", &[0, 1, 2], &["a", "b", "c"])], &[]);
    let fitted = TransformPlan::default().fit(&train, ALL).unwrap();
    let other = Table::new("u", 3, vec![categories("c", &[1, 0, 0], &["c", "z"])]).unwrap();
    let mut to = [7.0; 9];
    let unseen = fitted.encode(&other, [0, 1, 2], &mut to).unwrap();
    assert_eq!(to, [0., 0., 0., 0., 0., 1., 0., 0., 1.]);
    assert_eq!((unseen[0].category.as_str(), unseen[0].rows), ("z", 1));
}

#[test]
fn dates_are_parts_also_before_1970_and_far_from_it() {
    let dates = [0.0, -1.0, 951_782_400.0 + 3600.0 * 6.5, -1e300, f64::NAN];
    let source = source(vec![numbers("t", &dates)], &[("t", ColumnKind::Date)]);
    let list = "dates = [{ kind = 'impute' }, { kind = 'date_parts', parts = ['days', 'year', 'month', 'day', 'weekday', 'hour'] }]";
    let fitted = plan(list).fit(&source, ALL).unwrap();
    let names = ["t days", "t year", "t month", "t day", "t weekday", "t hour", "t is missing"];
    assert_eq!(fitted.features(), names);
    let features = encoded(&fitted, source.table());
    let rows: Vec<&[f32]> = features.chunks(7).collect();
    assert_eq!(rows[0], [0.0, 1970.0, 1.0, 1.0, 3.0, 0.0, 0.0]);
    // A Wednesday, one second before midnight.
    let hour = (86_399.0_f64 / 3600.0) as f32;
    assert_eq!(rows[1], [(-1.0_f64 / 86_400.0) as f32, 1969.0, 12.0, 31.0, 2.0, hour, 0.0]);
    // A Tuesday, a leap day.
    assert_eq!(rows[2][1..], [2000.0, 2.0, 29.0, 1.0, 6.5, 0.0]);
    assert_eq!(rows[3][1..4], [0.0, 1.0, 1.0]);
    // The median of -1e300, -1, 0 and a day in 2000 is half a second before 1970.
    assert_eq!((rows[4][1], rows[4][6]), (1969.0, 1.0));
}

#[test]
fn pictures_are_divided_by_255() {
    let pixels =
        Cells::Arrays { shape: vec![1, 2, 1], values: Features::U8(vec![0, 255, 51, 102]) };
    let source = source(vec![numbers("x", &[1.0, 3.0]), column("p", pixels)], &[]);
    let fitted = TransformPlan::default().fit(&source, ALL).unwrap();
    assert_eq!(fitted.features(), ["x", "p[0]", "p[1]"]);
    assert_eq!(encoded(&fitted, source.table()), [-1.0, 0.0, 1.0, 1.0, 0.2, 0.4]);
    let values = Cells::Arrays { shape: vec![2], values: Features::F32(vec![0.5, -2.0, 1.0, 0.0]) };
    let source = self::source(vec![numbers("x", &[1.0, 3.0]), column("p", values)], &[]);
    let fitted = TransformPlan::default().fit(&source, ALL).unwrap();
    assert_eq!(encoded(&fitted, source.table()), [-1.0, 0.25, -1.0, 1.0, 0.5, 0.0]);
}

/// A table of every kind, with rows that are drawn.
fn mixed(rows: usize, seed: u64) -> MemoryTable {
    let mut random = Stream::new(seed, 1);
    let mut draw = |missing: f64, scale: f64| -> Vec<f64> {
        let mut cell = || match random.uniform() < missing {
            true => f64::NAN,
            false => scale * random.normal(),
        };
        (0..rows).map(|_| cell()).collect()
    };
    let (x, z, t) = (draw(0.1, 5.0), draw(0.0, 1e12), draw(0.1, 1e9));
    let repeated: Vec<f64> = draw(0.1, 1.0).into_iter().map(|x| 0.1 * x.round()).collect();
    let codes = draw(0.1, 2.0)
        .into_iter()
        .map(|x| if x.is_nan() { MISSING } else { (x.abs() as u32).min(3) });
    let codes: Vec<u32> = codes.collect();
    let columns = vec![
        numbers("x", &x),
        numbers("z", &z),
        numbers("t", &t),
        numbers("r", &repeated),
        categories("c", &codes, &["k", "l", "m", "n"]),
        numbers("y", &draw(0.0, 3.0)),
    ];
    let kinds = [("t".to_owned(), ColumnKind::Date)].into();
    let options = TableOptions { kinds, ..TableOptions::default() };
    MemoryTable::new(Table::new("mixed", rows, columns).unwrap(), &options).unwrap()
}

/// Lists of every kind of transform of a table.
fn plans() -> [TransformPlan; 3] {
    let with_values =
        plan("columns.r = [{ kind = 'frequent_values', share = 0.1 }, { kind = 'impute' }]");
    [TransformPlan::default(), TransformPlan::tabular(), with_values]
}

#[test]
fn frequent_values_are_those_of_the_training_part_and_the_number_stays() {
    let x = [0.0, 7298.0, 0.0, 7298.0, 5.0, 0.0, f64::NAN, 7443.0, 7443.0, 7443.0];
    let source = source(vec![numbers("gain", &x)], &[]);
    let list = "numbers = [{ kind = 'frequent_values', share = 0.3 }, { kind = 'impute' }]";
    let fitted = plan(list).fit(&source, &|row| row < 7).unwrap();
    assert_eq!(fitted.features(), ["gain", "gain=0", "gain=7298", "gain is missing"]);
    let rows = encoded(&fitted, source.table());
    let expected = [
        [7298.0, 0.0, 1.0, 0.0],
        [5.0, 0.0, 0.0, 0.0],
        [2.5, 0.0, 0.0, 1.0],
        [7443.0, 0.0, 0.0, 0.0],
    ];
    for (row, expected) in [1, 4, 6, 7].into_iter().zip(expected) {
        assert_eq!(rows[4 * row..][..4], expected, "row {row}");
    }
}

#[test]
fn a_column_of_whole_numbers_that_repeat_and_are_far_apart_has_frequent_values() {
    let gains: Vec<f64> = (0..300).map(|i| f64::from(i % 30 * (i % 30) * 7)).collect();
    let halves: Vec<f64> = gains.iter().map(|x| x / 2.0).collect();
    let columns = || vec![numbers("x", &gains), numbers("y", &halves), numbers("z", &gains)];
    let table = source(columns(), &[("z", ColumnKind::WholeCategory)]);
    let found = table.description().columns.iter().map(|column| column.has_frequent_values);
    assert_eq!(found.collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn rows_outside_of_the_training_part_change_nothing() {
    let (a, b) = (mixed(90, 1), mixed(90, 2));
    let mut joined = a.table().clone();
    joined.append(b.table().clone());
    let options = TableOptions {
        kinds: [("t".to_owned(), ColumnKind::Date)].into(),
        ..TableOptions::default()
    };
    let joined = MemoryTable::new(joined, &options).unwrap();
    for plan in plans() {
        let alone = plan.fit(&a, ALL).unwrap();
        assert_eq!(plan.fit(&joined, &|row| row < 90).unwrap(), alone);
        assert_ne!(plan.fit(&joined, ALL).unwrap(), alone);
    }
}

#[test]
fn features_of_a_row_do_not_depend_on_the_rows_beside_it() {
    let source = mixed(200, 3);
    for plan in plans() {
        let fitted = plan.fit(&source, &|row| row % 3 != 0).unwrap();
        let all = encoded(&fitted, source.table());
        for row in (0..200).rev() {
            let mut one = vec![f32::NAN; fitted.width()];
            fitted.encode(source.table(), [row], &mut one).unwrap();
            let block = encoded(&fitted, &source.table().rows(row..row + 1));
            assert_eq!(one, all[row * fitted.width()..][..fitted.width()]);
            assert_eq!(one, block);
        }
    }
}

#[test]
fn what_is_saved_is_read_as_the_same_value_and_the_same_bytes() {
    for plan in plans() {
        let text = toml::to_string(&plan).unwrap();
        assert_eq!(toml::from_str::<TransformPlan>(&text).unwrap(), plan);
        let source = mixed(77, 4);
        let fitted = plan.fit(&source, ALL).unwrap();
        let text = fitted.to_toml();
        let read = FittedTransforms::from_toml(&text).unwrap();
        assert_eq!((&read, read.to_toml()), (&fitted, text));
        let bits = |fitted: &FittedTransforms| -> Vec<u32> {
            encoded(fitted, source.table()).iter().map(|x| x.to_bits()).collect()
        };
        assert_eq!(bits(&read), bits(&fitted));
    }
}

#[test]
fn a_target_is_classes_with_names_or_a_number_in_its_unit() {
    let with_target = |target: Column| {
        let table = Table::new("t", 4, vec![numbers("x", &[1.0, 2.5, 2.0, 0.0]), target]).unwrap();
        MemoryTable::new(table, &TableOptions::default()).unwrap()
    };
    let classes = with_target(categories("y", &[2, 0, 2, 1], &["a", "b", "c"]));
    let fitted = TransformPlan::default().fit(&classes, &|row| row != 3).unwrap();
    let target = fitted.target().unwrap();
    assert_eq!((target.column(), target.classes()), ("y", &["a".to_owned(), "c".to_owned()][..]));
    let labels = target.encode(classes.table(), 0..3).unwrap();
    assert_eq!(labels, Targets::Labels { values: vec![1, 0, 1], classes: 2 });
    let error = target.encode(classes.table(), 0..4).unwrap_err().to_string();
    assert!(
        error.contains("row 4, column `y`: found `b`, expected a class of the training part"),
        "{error}"
    );
    let error = TransformPlan::default().fit(&classes, &|row| row == 3).unwrap_err().to_string();
    assert!(error.contains("target `y`: found 1 class"), "{error}");

    let metres = with_target(numbers("y", &[1e9 + 0.5, 1e9 + 1.0, 1e9 + 0.5, 1e9 + 1.0]));
    let fitted = TransformPlan::default().fit(&metres, ALL).unwrap();
    let target = fitted.target().unwrap();
    let encoded = target.encode(metres.table(), 0..2).unwrap();
    assert_eq!(encoded, Targets::Values { values: vec![-1.0, 1.0], width: 1 });
    assert_eq!([target.value(0, -1.0), target.value(0, 1.0)], [1e9 + 0.5, 1e9 + 1.0]);
    let raw = plan("standardize_target = false").fit(&metres, ALL).unwrap();
    let expected =
        FittedTarget::Numbers { column: "y".into(), centers: vec![0.0], scales: vec![1.0] };
    assert_eq!(raw.target(), Some(&expected));
    let missing = with_target(numbers("y", &[0.5, f64::NAN, 2.5, 1.5]));
    let error = TransformPlan::default().fit(&missing, ALL).unwrap_err().to_string();
    assert!(
        error.contains("row 2, column `y`: found a missing cell, expected a target"),
        "{error}"
    );
    assert!(TransformPlan::default().fit(&missing, &|row| row != 1).is_ok());
}

#[test]
fn quantiles_of_more_rows_than_are_kept_are_of_a_sample_which_is_said() {
    let x: Vec<f64> = (0..10_000).map(|i| f64::from(i * 7919 % 10_000) / 2.0).collect();
    let source = source(vec![numbers("x", &x)], &[]);
    let exact = TransformPlan::tabular().fit(&source, ALL).unwrap();
    assert!(exact.notes().is_empty());
    let sampled = TransformPlan::tabular().fit_within(&source, ALL, 2500).unwrap();
    let note = "column `x`: robust_scale was fitted to a random sample of 2500 of 10000 values";
    assert_eq!(sampled.notes(), [note]);
    let features = [&exact, &sampled].map(|fitted| encoded(fitted, source.table()));
    let largest =
        features[0].iter().zip(&features[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Five standard errors of a quartile of 2,500 numbers are 5 % of the range, twice the distance of the quartiles.
    assert!(largest > 0.0 && largest < 0.1, "{largest}");
}

#[test]
fn numbers_of_narrow_and_wide_columns_share_what_may_be_kept() {
    let codes: Vec<u32> = (0..1000).map(|i| i % 9).collect();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let x: Vec<f64> = (0..1000).map(|i| f64::from(i) / 2.0).collect();
    let source = source(vec![categories("job", &codes, &names), numbers("x", &x)], &[]);
    let fitted = |kept| TransformPlan::tabular().fit_within(&source, ALL, kept).unwrap();
    let features = fitted(usize::MAX).features().len();
    assert!(features > 9, "{features}");
    assert_eq!(fitted(1000 * features).notes(), [""; 0]);
    assert_eq!(fitted(1000 * features - 1).notes().len(), 2);
}
