//! Datasets that a program passes, and rows that are given as numbers.

use super::*;
use crate::{Dataset, FittedColumn, RowBuffer};

fn dataset(shape: &[usize], features: Features, targets: Targets) -> Dataset {
    Dataset::new("set", shape, features, targets).unwrap()
}

fn two_classes(n: usize) -> Targets {
    Targets::Labels { values: (0..n).map(|i| (i % 2) as u32).collect(), classes: 3 }
}

/// Every byte in 64 samples of 2 × 2.
fn all_bytes() -> Dataset {
    dataset(&[2, 2], Features::U8((0..=255).collect()), two_classes(64))
}

/// The features of a dataset as a network gets them.
fn divided(set: &Dataset) -> Vec<f32> {
    (0..set.len()).flat_map(|i| set.sample(i).unwrap()).map(|x| x / set.divisor()).collect()
}

#[test]
fn bytes_stay_bytes_where_their_quotients_are_the_same() {
    for by in [1.0, -3.0, 255.0, 256.0, 0.1, 1e-30, 1e30, 5e-324, 1e300] {
        let plan = plan(&format!("arrays = [{{ kind = 'divide', by = {by:e} }}]"));
        let fitted = plan.fit_dataset(&all_bytes()).unwrap();
        let found = fitted.encode_dataset(all_bytes()).unwrap();
        let is_exact = f64::from(by as f32) == by;
        assert_eq!(found.is_bytes(), is_exact, "{by}");
        let quotient = |byte: u8| (f64::from(byte) / by).clamp(f32::MIN.into(), f32::MAX.into());
        let expected: Vec<f32> = (0..=255).map(|byte| quotient(byte) as f32).collect();
        assert_eq!(divided(&found), expected, "{by}");
        assert_eq!((found.sample_shape(), found.targets()), (&[2, 2][..], &two_classes(64)));
    }
}

#[test]
fn a_dataset_is_used_as_it_is_unless_a_plan_says_otherwise() {
    let bytes = all_bytes();
    let numbers = dataset(&[1], Features::F32(vec![1.0, -4.0]), two_classes(2));
    for (set, divisor) in [(bytes, 255.0), (numbers.clone(), 1.0), (numbers.divided_by(8.0), 8.0)] {
        let fitted = FittedTransforms::of_dataset(&set).unwrap();
        assert_eq!((fitted.divisor(), set.divisor()), (Some(divisor), divisor));
        assert_eq!(fitted.encode_dataset(set.clone()).unwrap(), set);
        assert_eq!(
            fitted.target().unwrap().classes(),
            ["0", "1", "2"],
            "also those without a sample"
        );
        assert_eq!(FittedTransforms::from_toml(&fitted.to_toml()).unwrap(), fitted);
    }
}

#[test]
fn transforms_of_arrays_and_values_are_fitted_to_a_dataset_and_applied_to_another() {
    let values = |values: &[f32]| Targets::Values { values: values.to_vec(), width: 2 };
    let train =
        dataset(&[2], Features::F32(vec![1.0, 5.0, 3.0, 5.0]), values(&[0.0, 10.0, 2.0, 50.0]));
    let test = dataset(&[2], Features::F32(vec![2.0, 6.0]), values(&[3.0, 30.0]));
    let fitted = plan("arrays = [{ kind = 'standardize' }]").fit_dataset(&train).unwrap();
    assert_eq!(fitted.divisor(), None);
    let encoded = fitted.encode_dataset(test).unwrap();
    assert_eq!(encoded.features(), Some(&Features::F32(vec![0.0, 1.0])));
    assert_eq!(encoded.targets(), &values(&[2.0, 0.0]));
    let target = fitted.target().unwrap();
    assert_eq!((target.scales(), target.width()), (&[1.0, 20.0][..], 2));
    assert_eq!([target.value(0, 2.0), target.value(1, 0.0)], [3.0, 30.0]);
    // Other columns than those that were fitted.
    let other = dataset(&[1], Features::F32(vec![2.0]), values(&[3.0, 30.0]));
    let error = fitted.encode_dataset(other).unwrap_err().to_string();
    assert!(error.contains("found arrays of shape [1], expected arrays of shape [2]"), "{error}");
}

#[test]
fn classes_have_the_names_that_they_are_given() {
    let set = all_bytes();
    let fitted = FittedTransforms::of_dataset(&set).unwrap();
    assert_eq!(fitted.label(&set, 1).as_deref(), Some("1"));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let named = fitted.clone().with_class_names(names(&["cat", "dog", "cow"])).unwrap();
    assert_eq!((named.label(&set, 1).as_deref(), named.label(&set, 64)), (Some("dog"), None));
    assert_eq!((&*named.class_name(2), &*named.class_name(3)), ("cow", "3"));
    let error = fitted.clone().with_class_names(names(&["cat"])).unwrap_err().to_string();
    assert_eq!(error, "class_names: found 1 names for 3 classes, expected one for each");
    let error = fitted.with_class_names(names(&["cat", "dog", "cat"])).unwrap_err().to_string();
    assert!(error.contains("two classes of one name"), "{error}");
}

#[test]
fn a_row_of_numbers_has_the_features_of_the_same_row_of_a_table() {
    let source = mixed(77, 4);
    let rounded = |Column { name, cells }: &Column| match cells {
        Cells::Numbers(cells) => {
            numbers(name, &cells.iter().map(|&x| f64::from(x as f32)).collect::<Vec<_>>())
        }
        cells => column(name, cells.clone()),
    };
    let columns = source.table().columns().iter().map(rounded).collect();
    let table = Table::new("rounded", 77, columns).unwrap();
    for plan in [TransformPlan::default(), TransformPlan::tabular()] {
        let fitted = plan.fit(&source, ALL).unwrap();
        let expected = encoded(&fitted, &table);
        let mut buffer = RowBuffer::default();
        let mut features = vec![f32::NAN; fitted.width()];
        for (row, expected) in expected.chunks_exact(fitted.width()).enumerate() {
            let number = |column: &FittedColumn| match &table.column(&column.name).unwrap().cells {
                Cells::Numbers(cells) => cells[row] as f32,
                Cells::Categories { codes, categories } => {
                    let category = categories.get(codes[row] as usize);
                    let code = |name| column.categories.iter().position(|other| other == name);
                    category.map_or(f32::NAN, |name| code(name).unwrap() as f32)
                }
                _ => panic!("{}", column.name),
            };
            let numbers: Vec<f32> = fitted.columns().iter().map(number).collect();
            assert_eq!(numbers.len(), fitted.raw_width());
            fitted.encode_numbers(&numbers, &mut buffer, &mut features);
            assert_eq!(features, expected, "row {row}");
        }
        // Codes that no category has are as categories that training did not have.
        for code in [-1.0, 0.5, 1e9, f32::INFINITY] {
            fitted.encode_numbers(&vec![code; fitted.raw_width()], &mut buffer, &mut features);
            assert!(features.iter().all(|feature| feature.is_finite()), "{features:?}");
        }
    }
}
