//! `importance`: columns that a model relies on, and the dependence on one.

use std::fmt::Write as _;

use crate::sandbox::Sandbox;

/// A run on a table of two classes that follow from a number and a category, beside a column that says nothing.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let row = |mut text: String, i: u32| {
        let (size, colour, noise) =
            (i * 37 % 101, ["red", "green, pale"][i as usize % 2], i * 53 % 97);
        let class = if size > 50 || i % 2 == 1 { "yes" } else { "no" };
        let _ = writeln!(text, "{size}.5,\"{colour}\",{noise}.5,{class}");
        text
    };
    sandbox.write("all.csv", (0..200).fold("size,colour,noise,answer\n".to_owned(), row));
    let experiment = "data.source = { kind = 'files', train = 'all.csv' }\n[model]\ninput = [4]\n\
        layers = [{ kind = 'linear', units = 8 }, 'tanh', { kind = 'linear', units = 2 }]\n\
        [train]\nepochs = 60\nbatch = 20\noptimizer = 'adam'\n\
        schedule = { kind = 'constant', learning_rate = 0.02 }\n";
    sandbox.write("all.toml", experiment);
    sandbox.succeeds("train all.toml --run run");
    sandbox
}

#[test]
fn columns_are_ranked_by_what_their_permutation_adds_to_the_loss() {
    let sandbox = sandbox();
    let report = sandbox.line("importance run --json --threads 1 --svg bars.svg").json();
    assert_eq!(report, sandbox.line("importance run --json --threads 2").json());
    assert_eq!(report["rows"], 40);
    let columns = report["columns"].as_array().unwrap();
    assert_eq!((columns.len(), &columns[2]["column"]), (3, &"noise".into()));
    let loss = |i: usize| columns[i]["changes"][0]["mean"].as_f64().unwrap();
    assert!(loss(1) > 5.0 * loss(2).abs(), "{report}");
    assert_eq!(columns[0]["changes"][1]["metric"], "accuracy");
    // The loss and accuracy of `eval`.
    let eval = sandbox.line("eval run --json").json();
    assert_eq!(report["measured"][0]["value"], eval["metrics"]["loss"]);
    assert_eq!(report["measured"][1]["value"], eval["metrics"]["accuracy"]);
    let svg = sandbox.read("bars.svg");
    assert_eq!(svg.matches("class=\"whisker\"").count(), 3);
    assert!(svg.contains(">colour</text>"), "{svg}");

    // Of a file, and of some rows of it.
    let lines = sandbox.read("all.csv");
    sandbox.write("some.csv", lines.lines().take(61).collect::<Vec<_>>().join("\n"));
    let ran = sandbox.succeeds("importance run --data some.csv --rows 50 --repeats 1");
    ran.tells(&[
        "some.csv",
        "rows      50",
        "change if the cells of a column are permuted",
        "noise",
    ]);
}

#[test]
fn the_dependence_on_a_column_is_the_mean_prediction_for_each_of_its_values() {
    let sandbox = sandbox();
    let report = sandbox.line("importance run --column size --points 5 --json --svg a.svg").json();
    let points = report["points"].as_array().unwrap();
    assert_eq!((points.len(), &report["has_probabilities"]), (5, &true.into()));
    let yes = |point: &serde_json::Value| point["means"][1].as_f64().unwrap();
    assert!(yes(&points[4]) > yes(&points[0]) + 0.3, "{report}");
    for point in points {
        assert!((yes(point) + point["means"][0].as_f64().unwrap() - 1.0).abs() < 1e-6);
    }
    assert_eq!(sandbox.read("a.svg").matches("class=\"series\"").count(), 2);
    let ran = sandbox.succeeds("importance run --column colour --part train --svg b.svg");
    ran.tells(&[
        "colour, category, 0 missing",
        "probability of each class of answer",
        "green, pale",
    ]);
    assert_eq!(sandbox.read("b.svg").matches("<circle").count(), 4);
}

#[test]
fn what_is_not_a_column_and_pictures_are_refused() {
    let sandbox = sandbox();
    sandbox.succeeds("train tiny.toml --run pictures");
    for (line, message) in [
        (
            "importance run --column colr",
            "expected a column that the model takes (`size`, `colour`, `noise`), found `colr`",
        ),
        ("importance run --part validation", "the run has no validation set"),
        ("importance pictures", "expected a table of columns, found samples that are arrays"),
        ("importance run --column size --repeats 3", "cannot be used with"),
    ] {
        let error = sandbox.refused(line);
        assert!(error.contains(message), "{line}: {error}");
    }
}
