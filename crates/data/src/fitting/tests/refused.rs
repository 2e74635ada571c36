//! What is refused, and how it is said.

use kernels::random::Stream;

use super::{ALL, STANDARDIZE, categories, column, encoded, mixed, numbers, plan, plans, source};
use crate::columns::{Cells, Table};
use crate::{FittedTransforms, TransformPlan};

#[test]
fn a_missing_number_that_is_not_imputed_is_refused_by_row_and_column() {
    let table = source(vec![numbers("x", &[1.0, f64::NAN, 2.0])], &[]);
    let fitted = plan(&format!("numbers = {STANDARDIZE}")).fit(&table, ALL).unwrap();
    let error = fitted.encode(table.table(), 0..3, &mut [0.0; 3]).unwrap_err().to_string();
    assert!(
        error.starts_with("t: row 2, column `x`: found a missing cell, expected a number"),
        "{error}"
    );
    assert!(error.contains("impute"), "{error}");
}

#[test]
fn damaged_transforms_are_read_or_refused() {
    let texts = plans().map(|plan| plan.fit(&mixed(50, 5), ALL).unwrap().to_toml());
    let mut random = Stream::new(9, 0);
    let (mut read, table) = (0, mixed(3, 6));
    for i in 0..3000 {
        let mut bytes = texts[i % 3].clone().into_bytes();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] = b"0123456789.-einf\"[]{}=,"[random.below(23) as usize],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"0-1.\"],"[random.below(7) as usize]),
            }
        }
        let Ok(fitted) = FittedTransforms::from_toml(&String::from_utf8_lossy(&bytes)) else {
            continue;
        };
        read += 1;
        let mut to = vec![0.0; 3 * fitted.width()];
        if fitted.encode(table.table(), 0..3, &mut to).is_ok() {
            assert!(to.iter().all(|x| x.is_finite()));
        }
    }
    // Digits of numbers are not part of the fingerprint, which refuses most other changes.
    assert!((50..1000).contains(&read), "{read}");
}

#[test]
fn what_does_not_go_together_is_refused_on_reading() {
    let source =
        source(vec![categories("c", &[0, 1], &["a", "b"]), numbers("x", &[1.0, 2.5])], &[]);
    let text = TransformPlan::default().fit(&source, ALL).unwrap().to_toml();
    let cases = [
        (
            "categories = 2",
            "categories = 4000000000",
            "column `c`: transform 2 was fitted to another",
        ),
        ("\"a\", \"b\"", "\"b\", \"a\"", "fingerprint is not that of the columns"),
        ("\"a\", \"b\"", "\"a\", \"a\"", "two categories of one name"),
        ("deviations = [0.75]", "deviations = [0.0]", "column `x`: transform 2"),
        ("means = [1.75]", "means = [nan]", "column `x`: transform 2"),
        ("shape = []", "shape = [4000000000, 4000000000]", "expected at most"),
        ("name = \"x\"", "name = \"c\"", "two columns of one name"),
        ("rows = 2", "rows = 2\nrow = 1", "unknown field"),
    ];
    for (found, other, expected) in cases {
        assert!(text.contains(found), "{found} in {text}");
        let error =
            FittedTransforms::from_toml(&text.replace(found, other)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = FittedTransforms::from_toml(&" ".repeat((64 << 20) + 1)).unwrap_err().to_string();
    assert!(error.contains("the limit is 67108864"), "{error}");
}

#[test]
fn a_table_of_another_form_is_refused_and_the_column_named() {
    let train = source(vec![numbers("x", &[1.0, 2.5]), categories("c", &[0, 1], &["a", "b"])], &[]);
    let fitted = TransformPlan::default().fit(&train, ALL).unwrap();
    let c = || categories("c", &[0], &["a"]);
    let cases = [
        (vec![c()], "u: has no column `x`, expected numbers"),
        (
            vec![c(), categories("x", &[0], &["one"])],
            "column `x`: found categories (one), expected numbers; mend its cells, or set kinds.x = \"number\"",
        ),
        (
            vec![numbers("x", &[1.0]), numbers("c", &[1.0])],
            "column `c`: found numbers or dates, expected categories; set kinds.c",
        ),
        (
            vec![column("x", Cells::Texts(vec![None])), c()],
            "column `x`: found texts, expected numbers",
        ),
    ];
    for (columns, expected) in cases {
        let table = Table::new("u", 1, columns).unwrap();
        let error = fitted.encode(&table, [0], &mut [0.0; 3]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // Another order of columns, and more of them, are fine.
    let table =
        Table::new("u", 1, vec![c(), numbers("more", &[0.0]), numbers("x", &[2.5])]).unwrap();
    assert_eq!(encoded(&fitted, &table), [1.0, 1.0, 0.0]);
}

#[test]
fn a_plan_that_does_not_go_with_its_columns_is_refused() {
    let source = || {
        source(
            vec![
                numbers("x", &[1.0, 2.5, 2.0]),
                categories("c", &[0, 1, 0], &["a", "b"]),
                numbers("k", &[4.0; 3]),
            ],
            &[],
        )
    };
    let cases = [
        (
            "categories = [{ kind = 'standardize' }]",
            "column `c`: `standardize` does not take categories; put `one_hot`",
        ),
        ("categories = [{ kind = 'impute' }]", "column `c`: the list returns categories"),
        ("numbers = [{ kind = 'date_parts' }]", "column `x`: `date_parts` does not take numbers"),
        (
            "numbers = [{ kind = 'robust_scale', limit = 0 }]",
            "robust_scale: limit is 0, expected above 0",
        ),
        ("numbers = [{ kind = 'divide', by = 0 }]", "divide: by is 0"),
        (
            "numbers = [{ kind = 'frequent_values', share = 0 }]",
            "frequent_values: share is 0, expected 0.0005 to 1",
        ),
        ("columns.x = [{ kind = 'one_hot' }]", "column `x`: `one_hot` does not take numbers"),
        (
            "categories = [{ kind = 'frequent_values' }]",
            "column `c`: `frequent_values` does not take categories",
        ),
        ("columns.z = []", "column `z`: there is no such column"),
        ("columns.k = []", "column `k`: it is not used, since it is of the kind constant"),
        (
            "columns.x = [{ kind = 'date_parts', parts = [] }]",
            "column `x`: date_parts: parts is empty",
        ),
    ];
    for (text, expected) in cases {
        let error = plan(text).fit(&source(), ALL).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = TransformPlan::default().fit(&source(), &|_| false).unwrap_err().to_string();
    assert!(error.contains("no rows in the training part"), "{error}");
    for text in ["numbers = [{ kind = 'scale' }]", "numbers = [{ kind = 'impute', flags = true }]"]
    {
        toml::from_str::<TransformPlan>(text).unwrap_err();
    }
}
