//! `gradus predict`, and `gradus eval` on other data than that of the run.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use png::{BitDepth, ColorType, Encoder};
use serde_json::Value;

use crate::own_data::blobs;
use crate::sandbox::{Ran, Sandbox};

/// A sandbox with a network that was trained on blobs, as `runs/blobs-1`.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("blobs.csv", blobs());
    sandbox.succeeds("train --data blobs.csv --epochs 20 --threads 1");
    sandbox
}

fn with_input(sandbox: &Sandbox, args: &str, input: &str) -> Ran {
    let args: Vec<&str> = args.split_whitespace().collect();
    let mut child = sandbox.command(&args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A grey picture of one colour.
pub(crate) fn picture([rows, columns]: [u32; 2], grey: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, columns, rows);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let pixels = vec![grey; (rows * columns) as usize];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

#[test]
fn rows_are_predicted_however_their_columns_are_ordered_and_written() {
    let sandbox = trained();
    let ran = sandbox.succeeds("predict runs/blobs-1 blobs.csv");
    assert_eq!(ran.err, "");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        (lines.len(), lines[0]),
        (121, "row,predicted,probability,probability_a,probability_b,probability_c")
    );
    let labels = ["c", "a", "b"];
    let is_right = |(i, line): &(usize, &&str)| line.split(',').nth(1) == Some(labels[i % 3]);
    let correct = lines.iter().enumerate().skip(1).filter(is_right).count();
    assert!(correct > 100, "{}", ran.out);
    // In another order, with points and commas, with one column more and without the target.
    let mut other = "farbe,note,hoehe,breite\n".to_owned();
    for line in blobs().lines().skip(1) {
        let cells: Vec<String> = line.split(';').map(|cell| cell.replace(',', ".")).collect();
        let _ = writeln!(other, "{},n,{},{}", cells[2], cells[1], cells[0]);
    }
    sandbox.write("other.csv", &other);
    let again = sandbox.succeeds("predict runs/blobs-1 other.csv --threads 2");
    assert_eq!(again.out, ran.out);
    assert_eq!(again.err, "warning: columns that the model does not use: note\n");
    let streamed = with_input(&sandbox, "predict runs/blobs-1 -", &other);
    assert_eq!((streamed.code, &streamed.out), (Some(0), &ran.out));
    sandbox.succeeds("predict runs/blobs-1 other.csv --output out.csv");
    assert_eq!(sandbox.read("out.csv"), ran.out);
    // Without names by position, with the target or without it.
    let bare: String = blobs().lines().skip(1).map(|line| line.to_owned() + "\n").collect();
    let by_position = with_input(&sandbox, "predict runs/blobs-1 -", &bare);
    assert_eq!(by_position.out, ran.out, "{}", by_position.err);
    let expected = "columns are taken by position, since their names are not those of training: breite, hoehe, farbe";
    assert!(by_position.err.contains(expected), "{}", by_position.err);
}

#[test]
fn predictions_are_written_as_tables_and_objects_with_as_many_classes_as_are_asked_for() {
    let sandbox = trained();
    let head: String = blobs().lines().take(4).map(|line| line.to_owned() + "\n").collect();
    sandbox.write("new.csv", head);
    let rows = |line: &str| -> Vec<Value> {
        let out = sandbox.succeeds(line).out;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let objects = rows("predict runs/blobs-1 new.csv --format json");
    assert_eq!(objects.len(), 3);
    let first = &objects[0];
    assert_eq!((&first["row"], &first["predicted"]), (&1.into(), &"a".into()));
    let probabilities = first["probabilities"].as_object().unwrap();
    let sum: f64 = probabilities.values().map(|value| value.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5 && probabilities["a"] == first["probability"], "{first}");
    let top = rows("predict runs/blobs-1 new.csv --format json --top 2");
    assert_eq!(top[0]["probabilities"].as_object().unwrap().len(), 2);
    let csv = sandbox.succeeds("predict runs/blobs-1 new.csv --top 2").out;
    assert!(csv.starts_with("row,predicted,probability,predicted_2,probability_2\n1,a,"), "{csv}");
    let table = sandbox.succeeds("predict runs/blobs-1 new.csv new.csv --format table --top 1").out;
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["file", "row", "predicted", "probability"]);
    assert_eq!((lines.len(), &lines[6][..3]), (7, &["new.csv", "3", "c"][..]), "{table}");
}

#[test]
fn cells_without_a_known_value_are_counted_and_bad_rows_are_named_or_left_out() {
    let sandbox = trained();
    let rows = "breite;hoehe;farbe\n0,5;-0,5;gelb\n;-0,5;?\nx;-0,5;rot\n0,5;-0,5\n";
    let ran = with_input(&sandbox, "predict runs/blobs-1 -", rows);
    assert_eq!((ran.code, &*ran.out), (Some(2), ""));
    let expected = "error: standard input: line 4, column `breite`: found `x`, expected a number\n  \
        line 5: found 2 cells, expected 3 cells\n  mend them, or leave such rows out (`skip_bad_rows`)\n";
    assert_eq!(ran.err, expected);
    let ran = with_input(&sandbox, "predict runs/blobs-1 - --skip-bad-rows", rows);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 3), "{}", ran.err);
    for expected in [
        "warning: standard input: column `breite`: 1 missing cell, imputed as in training\n",
        "warning: standard input: column `farbe`: 1 missing cell, as no category\n",
        "column `farbe`: 1 row with a category that training does not have, such as `gelb`: as no category\n",
        "line 5: found 2 cells, expected 3 cells\n  these rows are left out\n",
    ] {
        assert!(ran.err.contains(expected), "{expected} is not in\n{}", ran.err);
    }
    // Nothing is left of a file that was not finished.
    sandbox.write("bad.csv", rows);
    sandbox.refused("predict runs/blobs-1 bad.csv --output out.csv");
    assert!(!sandbox.list(".").iter().any(|name| name.starts_with("out.csv")));
}

#[test]
fn data_of_another_form_is_refused_with_the_column_and_the_repair() {
    let sandbox = trained();
    sandbox.write("fewer.csv", "breite;farbe\n0,5;rot\n");
    sandbox.write("texts.csv", "breite;hoehe;farbe\nweit;1;rot\n");
    sandbox.write("narrow.csv", "0.5,0.5\n1.5,2.5\n");
    sandbox.write("picture.png", picture([4, 4], 0));
    for (line, expected) in [
        (
            "predict runs/blobs-1 fewer.csv",
            "fewer.csv: has no column `hoehe`, expected numbers as in training, found breite, farbe; add it, or name it so",
        ),
        (
            "predict runs/blobs-1 texts.csv",
            "texts.csv: column `breite`: found texts such as `weit` in line 2, expected numbers as in training; mend its cells",
        ),
        (
            "predict runs/blobs-1 narrow.csv",
            "narrow.csv: found 2 columns, expected 4 or 3 as in training (breite, hoehe, farbe, art); take away or add",
        ),
        (
            "predict runs/blobs-1 picture.png",
            "picture.png: found pictures, expected a table with the columns breite, hoehe, farbe",
        ),
        (
            "predict runs/blobs-1 test-images",
            "test-images: found 2 columns, expected 4 or 3 as in training (breite, hoehe, farbe, art)",
        ),
        ("eval runs/blobs-1 --data fewer.csv", "fewer.csv: has no column `hoehe`"),
        ("predict runs/blobs-1 nothing.csv", "nothing.csv: cannot be read"),
    ] {
        let error = sandbox.refused(line);
        let last = error.lines().last().unwrap();
        assert!(error.contains(expected), "{last}\n{error}");
    }
}

#[test]
fn a_model_is_evaluated_by_its_own_transforms_on_any_data() {
    let sandbox = trained();
    let of_run = sandbox.line("eval runs/blobs-1 --part train --json").json();
    let all = sandbox.line("eval runs/blobs-1 --data blobs.csv --json").json();
    assert_eq!((&all["data"], &all["samples"]), (&"blobs.csv".into(), &120.into()));
    assert!(all["metrics"]["accuracy"].as_f64() > Some(0.8), "{all}");
    sandbox.write("none.csv", "breite;hoehe;farbe\n0,5;-0,5;rot\n");
    let error = sandbox.refused("eval runs/blobs-1 --data none.csv");
    assert!(
        error.contains("has no column `art`, expected the target with its classes as in training"),
        "{error}"
    );
    // The file has changed: fitted again, the transforms would make five features instead of four.
    let changed = blobs().replacen("blau", "gelb", 3);
    sandbox.write("blobs.csv", changed);
    let again = sandbox.line("eval runs/blobs-1 --part train --json").json();
    assert_eq!(again["samples"], of_run["samples"]);
    assert_ne!(again["metrics"]["loss"], of_run["metrics"]["loss"]);
}

#[test]
fn a_value_is_predicted_in_the_unit_of_the_target() {
    let sandbox = Sandbox::new();
    let line =
        (0..60).fold("x,y\n".to_owned(), |text, i| text + &format!("{i}.5,{}.25\n", 1000 + 3 * i));
    sandbox.write("line.csv", line);
    sandbox.succeeds("train --data line.csv --epochs 60 --threads 1");
    let out = sandbox.succeeds("predict runs/line-1 line.csv").out;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("row,predicted", 61));
    let value: f64 = lines[31].split(',').nth(1).unwrap().parse().unwrap();
    assert!((1060.0..1120.0).contains(&value), "{value}");
    let objects = sandbox.succeeds("predict runs/line-1 line.csv --format json").out;
    let object: Value = serde_json::from_str(objects.lines().nth(30).unwrap()).unwrap();
    assert_eq!(object["predicted"].as_f64().map(|value| value as f32), Some(value as f32));
    let measured = sandbox.line("eval runs/line-1 --data line.csv --json").json();
    assert!(measured["metrics"]["mean_absolute_error"].as_f64() < Some(40.0), "{measured}");
}

#[test]
fn pictures_and_idx_images_are_predicted_without_labels() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml --steps 300 --run here");
    std::fs::copy(sandbox.path("test-images"), sandbox.path("unlabelled")).unwrap();
    let out = sandbox.succeeds("predict here unlabelled --top 1").out;
    let classes: Vec<&str> =
        out.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(classes, ["0", "1", "2", "0", "1", "2"], "{out}");
    for (name, grey) in [("dark.png", 0), ("bright.png", 200)] {
        sandbox.write(name, picture([4, 4], grey));
    }
    let out = sandbox.succeeds("predict here dark.png bright.png --top 1").out;
    let rows: Vec<&str> = out.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    assert_eq!(rows, ["file,predicted", "dark.png,0", "bright.png,2"]);
    std::fs::create_dir_all(sandbox.path("album/2")).unwrap();
    sandbox.write("album/2/a.png", picture([4, 4], 200));
    sandbox.write("album/b.png", picture([4, 4], 0));
    let out = sandbox.succeeds("predict here album --top 1").out;
    assert!(out.contains("album/2/a.png,2,") && out.contains("album/b.png,0,"), "{out}");
    sandbox.write("large.png", picture([8, 6], 200));
    let error = sandbox.refused("predict here large.png");
    let expected = "large.png: the file: found a picture of 6 x 8 pixels, expected 4 x 4 as in training; scale it, or let \
        it be scaled and cut: size = [4, 4]";
    assert!(error.starts_with(expected), "{error}");
    let out = sandbox.succeeds("predict here large.png --top 1 --set size=[4,4]").out;
    assert!(out.contains("large.png,2,"), "{out}");
    // Both files of IDX images, or the one that tells the other.
    let named = sandbox.line("eval here --data test-images test-labels --json").json();
    assert_eq!(sandbox.line("eval here --data test-images --json").json(), named);
    assert_eq!(named["metrics"]["accuracy"], 1.0);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_ends_it_with_success() {
    let sandbox = trained();
    let mut text = blobs();
    let rows: String = text.lines().skip(1).map(|line| line.to_owned() + "\n").collect();
    (0..100).for_each(|_| text += &rows);
    sandbox.write("long.csv", text);
    let mut child = sandbox.command(&["predict", "runs/blobs-1", "long.csv"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("row,predicted"), "{first}");
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), &b""[..]));
}
