//! What is found in data that has it, and not in data that has not.

use super::*;
use crate::columns::TableOptions;
use crate::readers::csv::CsvFile;

fn report(text: &str) -> TableReport {
    let options = TableOptions { skip_bad_rows: true, ..TableOptions::default() };
    let file = CsvFile::from_bytes("t.csv", text.as_bytes(), &options).unwrap();
    TableReport::of(&file).unwrap()
}

#[track_caller]
fn assert_warns(report: &TableReport, part: &str) {
    assert!(
        report.warnings.iter().any(|warning| warning.contains(part)),
        "{part}: {:?}",
        report.warnings
    );
}

/// 200 rows with a harmless feature; `row` adds the others.
fn rows(header: &str, row: impl Fn(usize) -> String) -> String {
    let row = |i: usize| format!("{}.25,{}\n", i * 7919 % 199, row(i));
    format!("noise,{header}\n{}", (0..200).map(row).collect::<String>())
}

#[test]
fn harmless_data_has_no_warnings() {
    let text = rows("c,y", |i| format!("{},{}", ["u", "v"][i / 3 % 2], ["a", "b"][i % 2]));
    let found = report(&text);
    assert_eq!(found.warnings, Vec::<String>::new());
    let range = found.ranges[0].unwrap();
    assert_eq!((range.low, range.high, found.ranges[1]), (0.25, 198.25, None));
}

#[test]
fn a_column_that_alone_predicts_the_target_is_named() {
    let class = |i: usize| ["a", "b", "c"][i * 31 % 3];
    let code = report(&rows("code,y", |i| format!("{},{}", class(i).to_uppercase(), class(i))));
    assert_warns(
        &code,
        "column `code` alone predicts the target in 100.0 % of rows, the most frequent class in 3",
    );
    let number = |i: usize| i * 31 % 3 * 10 + i % 5;
    assert_warns(
        &report(&rows("n,y", |i| format!("{}.5,{}", number(i), class(i)))),
        "`n` alone predicts",
    );
    let value = |i: usize| i * 7907 % 199;
    assert_warns(
        &report(&rows("n,y", |i| format!("{}.5,{}.25", value(i), 3 * value(i)))),
        "of the target's variance",
    );
    // With a class of 99.5 % every column predicts well, and none better than the class.
    let rare =
        report(&rows("n,y", |i| format!("{}.5,{}", value(i), if i == 77 { "b" } else { "a" })));
    assert!(rare.warnings.iter().all(|warning| !warning.contains("alone")), "{:?}", rare.warnings);
    // A single feature is what there is to learn.
    let single: String = (0..200).map(|i| format!("{}.5,{}\n", number(i), class(i))).collect();
    let single = report(&format!("n,y\n{single}"));
    assert!(
        single.warnings.iter().all(|warning| !warning.contains("alone")),
        "{:?}",
        single.warnings
    );
}

#[test]
fn columns_classes_and_rows_that_spoil_results_are_named() {
    let text = rows("id,unit,note,y", |i| {
        let note = if i % 3 == 0 { "x.5" } else { "" };
        format!("n{i},cm,{note},{}", if i < 3 { "rare" } else { "usual" })
    });
    let found = report(&text);
    assert_warns(&found, "column `id` identifies rows (200 different texts in 200 rows)");
    assert_warns(&found, "column `unit` is constant (`cm` in all 200 rows)");
    assert_warns(&found, "1 of 2 classes have fewer than 10 rows (rare: 3)");
    assert_warns(&found, "98.5 % of rows are of class usual");

    let twice = rows("y", |i| format!("{}", 1 + i % 3));
    let twice =
        report(&(twice.clone() + &twice.lines().skip(1).take(4).collect::<Vec<_>>().join("\n")));
    assert_eq!((twice.duplicates, twice.read), (4, 204));
    assert_warns(&twice, "4 rows are the same as one before");
    assert_warns(
        &twice,
        "labels begin at 1: class 1 is output 0 of the network, and 1 to 3 are its names",
    );

    assert_warns(&report(&rows("y", |_| "a".to_owned())), "target `y` has one value");
    let missing = report(&rows("m,y", |i| {
        format!(
            "{},{}",
            if i % 4 == 0 {
                "1.5"
            } else if i % 4 == 1 {
                "2.5"
            } else {
                ""
            },
            i % 2
        )
    }));
    assert!(
        missing.warnings.iter().all(|warning| !warning.contains("`m`")),
        "{:?}",
        missing.warnings
    );
    let mostly = report(&rows("m,y", |i| {
        format!("{},{}", if i % 40 < 2 { format!("{i}.5") } else { String::new() }, i % 2)
    }));
    assert_warns(&mostly, "column `m` is missing in 190 of 200 rows");
    assert_warns(
        &report(&(rows("y", |i| format!("{}", i % 2)) + "1,2,3\n")),
        "1 mistakes: training stops at them",
    );
    assert_warns(
        &report(&rows("y", |i| if i < 150 { format!("{}", i % 2) } else { String::new() })),
        "missing in 50 rows",
    );
}
