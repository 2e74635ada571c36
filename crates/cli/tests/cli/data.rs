//! `gradus data` on tables and folders: what is printed is enough to go further.

use std::fs;

use crate::sandbox::Sandbox;

/// A table as a spreadsheet program of another country writes it.
const FLOWERS: &str = "\u{feff}petal;width;kind\r\n1,4;0,2;setosa\r\n4,7;1,4;versicolor\r\n6,0;2,5;virginica\r\n\
                       1,3;?;setosa\r\n1,3;?;setosa\r\n";

#[test]
fn a_table_is_described_with_what_changes_each_finding() {
    let sandbox = Sandbox::new();
    sandbox.write("flowers.csv", FLOWERS);
    sandbox.succeeds("data flowers.csv").tells(&[
        "target      kind, category (3)",
        "duplicates  1",
        "UTF-8 with a byte order mark",
        "delimiter     semicolon",
        "--set 'delimiter=,'",
        "comma, as 2 columns have it",
        "--set 'header=false'",
        "petal   number              0  1.3 to 6",
        "4 different numbers from 1.3 to 6",
        "width   number              2  0.2 to 2.5",
        "setosa         3",
        "warning: 3 of 3 classes have fewer than 10 rows (versicolor: 1, virginica: 1, setosa: 3)",
    ]);
    let described = sandbox
        .succeeds("data flowers.csv --target petal --set kinds.kind=identifier --json")
        .json();
    assert_eq!((&described["target"], &described["rows"]), (&"petal".into(), &5.into()));
    assert_eq!(described["columns"][2]["kind"], "identifier");
    assert_eq!(described["ranges"][1]["high"], 2.5);
}

#[test]
fn rows_that_cannot_be_read_are_shown_with_the_rest_of_the_table() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", format!("x,y\n{}1,2,3\n", "1.5,a\n2.5,b\n".repeat(20)));
    sandbox.succeeds("data t.csv").tells(&[
        "rows        40",
        "line 42: found 3 cells, expected 2 cells",
        "warning: 1 mistakes: training stops at them unless `skip_bad_rows = true` leaves such rows out",
    ]);
}

#[test]
fn idx_files_are_described_with_their_labels() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("data train-images --target class").tells(&[
        "class, whole number as category (3); for a regression --set 'kinds.class=number'",
        "picture",
        "array [4, 4, 1]",
    ]);
}

#[test]
fn mistakes_name_what_was_found_and_what_was_expected() {
    let sandbox = Sandbox::new();
    sandbox.write("flowers.csv", FLOWERS);
    for (line, message) in [
        ("data flowers.cvs", "flowers.cvs: cannot be read: No such file"),
        (
            "data flowers.csv --target kinds",
            "flowers.csv: has no column `kinds`; its columns are petal, width, kind; did you mean `kind`?",
        ),
        (
            "data flowers.csv --set delimeter=x",
            "--set delimeter=x: unknown field `delimeter`, expected one of",
        ),
        (
            "data flowers.csv --png x.png",
            "--png: expected an experiment, found the data flowers.csv",
        ),
        (
            "data tiny.toml --target y",
            "--target: expected a file or a folder of data, found an experiment",
        ),
    ] {
        let error = sandbox.refused(line);
        assert!(error.starts_with(message), "{line}: {error}");
    }
}

#[test]
fn a_table_is_drawn_with_a_chart_for_each_column_and_pictures_with_those_of_each_class() {
    let sandbox = Sandbox::new();
    sandbox.write("flowers.csv", FLOWERS);
    sandbox.succeeds("data flowers.csv --svg flowers.svg").tells(&["setosa"]);
    let svg = sandbox.read("flowers.svg");
    assert_eq!(svg.matches("class=\"title\"").count(), 3, "{svg}");
    for text in
        ["flowers.csv: 5 rows; colours: kind", "number, 2 missing (40.0 %)", "category, target"]
    {
        assert!(svg.contains(text), "{text} in {svg}");
    }
    // Three squares in the legend, and as many bars of the classes, each of a colour of its own.
    assert_eq!(svg.matches("height=\"14.00\" fill=\"").count(), 9, "{svg}");

    let picture = |grey: u8| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[grey; 16]).unwrap();
        bytes
    };
    for (class, count) in [("cats", 12), ("dogs", 3)] {
        fs::create_dir_all(sandbox.path(&format!("pets/{class}"))).unwrap();
        for i in 0..count {
            sandbox.write(&format!("pets/{class}/{i}.png"), picture(20 * i));
        }
    }
    sandbox.succeeds("data pets --svg pets.svg");
    let svg = sandbox.read("pets.svg");
    assert_eq!(svg.matches("<image").count(), 2, "{svg}");
    for text in ["pets: 15 pictures", "cats (12)", "dogs (3)", "width=\"680.0\"", "width=\"204.0\""]
    {
        assert!(svg.contains(text), "{text} in {svg}");
    }
    let error = sandbox.refused("data tiny.toml --svg x.svg");
    assert!(error.starts_with("--svg: expected a file or a folder of data"), "{error}");
}
