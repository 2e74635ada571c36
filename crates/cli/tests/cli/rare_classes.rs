//! Classes of which one is rare: weights in training, thresholds in evaluation and prediction, mistakes as rows.

use std::fmt::Write as _;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// A table of 600 rows of which one in twelve is ill, and an experiment that a line of `[train]` is added to.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let row = |mut text: String, i: u32| {
        let (x, noise) = (i * 37 % 101, i * 53 % 97);
        let answer = if i.is_multiple_of(12) && x > 30 || x > 97 { "ill" } else { "healthy" };
        let x = f64::from(x) + if answer == "ill" { 25.0 } else { 0.0 };
        let _ = writeln!(text, "{x},{noise}.5,{answer}");
        text
    };
    sandbox.write("rare.csv", (0..600).fold("x,noise,answer\n".to_owned(), row));
    let experiment = "[data]\nsource = { kind = 'files', train = 'rare.csv' }\nvalidation = 0.25\n\
        [model]\ninput = [2]\nlayers = [{ kind = 'linear', units = 2 }]\n\
        [train]\nepochs = 20\nbatch = 30\noptimizer = 'adam'\n\
        schedule = { kind = 'constant', learning_rate = 0.03 }\n";
    sandbox.write("rare.toml", experiment);
    sandbox
}

/// How often the second class, the rare one, is predicted and found.
fn second(report: &Value) -> [f64; 2] {
    ["predicted", "recall"].map(|name| report["classes"][1][name].as_f64().unwrap())
}

#[test]
fn balanced_weights_find_more_of_the_rare_class_and_leave_the_loss_of_evaluations_as_it_is() {
    let sandbox = sandbox();
    sandbox.succeeds("train rare.toml --run plain");
    sandbox.succeeds("train rare.toml --set train.class_weights=balanced --run balanced");
    sandbox.succeeds("train rare.toml --set train.class_weights={ill=12} --run named");
    let [plain, balanced, named] = ["plain", "balanced", "named"]
        .map(|run| sandbox.line(&format!("eval {run} --json")).json());
    assert!(second(&balanced)[1] > second(&plain)[1] + 0.2, "{plain}\n{balanced}");
    assert!(second(&named)[1] > second(&plain)[1] + 0.2, "{named}");
    // The loss that is measured is that of the labels: the plain network is best by it.
    let loss = |report: &Value| report["metrics"]["loss"].as_f64().unwrap();
    assert!(loss(&plain) < loss(&balanced), "{plain}\n{balanced}");
    sandbox.succeeds("check rare.toml --set train.class_weights={ill=12}").tells(&["ok"]);
    for (set, message) in [
        (
            "train.class_weights={il=2}",
            "train.class_weights: expected classes of the training set (healthy, ill), found `il`",
        ),
        ("train.class_weights=even", "expected \"balanced\" or a table of classes"),
        (
            "train.loss=hinge --set train.class_weights=balanced",
            "expected the loss cross_entropy or binary_cross_entropy",
        ),
    ] {
        // Behind the warning that one class has most rows.
        let ran = sandbox.line(&format!("train rare.toml --set {set}"));
        assert!(ran.code == Some(2) && ran.err.contains(message), "{set}: {ran:?}");
    }
}

#[test]
fn a_threshold_decides_which_of_two_classes_is_predicted() {
    let sandbox = sandbox();
    sandbox.succeeds("train rare.toml --run run");
    let eval = |more: &str| sandbox.line(&format!("eval run --json {more}")).json();
    let (plain, low, all) = (eval(""), eval("--threshold 0.1"), eval("--threshold 0"));
    assert_eq!(plain.get("threshold"), None);
    assert_eq!(low["threshold"], 0.1);
    assert!(second(&low)[0] > second(&plain)[0]);
    assert_eq!((second(&all), &all["confusion"][0][0]), ([120.0, 1.0], &0.into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let right: f64 = [0, 1].map(|class| number(&low["confusion"][class][class])).iter().sum();
    assert_eq!(number(&low["metrics"]["accuracy"]), right / 120.0);
    assert_eq!(number(&low["misclassified"]), 120.0 - right);
    // What does not depend on the predicted class stays.
    for metric in ["loss", "roc_auc", "log_loss"] {
        assert_eq!(low["metrics"][metric], plain["metrics"][metric]);
    }

    let chosen = eval("--threshold balanced_accuracy --part validation");
    let others = ["0.05", "0.1", "0.2", "0.5"]
        .map(|at| eval(&format!("--threshold {at} --part validation")));
    let balanced = |report: &Value| number(&report["metrics"]["balanced_accuracy"]);
    assert!(others.iter().all(|other| balanced(other) <= balanced(&chosen)), "{chosen}");
    let ran = sandbox.succeeds("eval run --threshold f1");
    ran.tells(&["threshold", "ill from a probability of"]);

    // The predictions of `predict` are those of `eval`.
    let table = sandbox.read("rare.csv");
    sandbox.write("new.csv", &table);
    let all_of_file = sandbox.line("eval run --data new.csv --threshold 0.1 --json").json();
    let rows = sandbox.succeeds("predict run new.csv --threshold 0.1").out;
    let ill = rows.lines().filter(|line| line.split(',').nth(1) == Some("ill")).count();
    assert_eq!(ill as f64, second(&all_of_file)[0]);

    for (line, message) in [
        ("eval run --threshold 2", "expected a probability from 0 to 1, f1 or balanced_accuracy"),
        ("predict run new.csv --threshold f1", "expected a probability from 0 to 1"),
    ] {
        let error = sandbox.refused(line);
        assert!(error.contains(message), "{error}");
    }
    sandbox.succeeds("train tiny.toml --run three");
    let error = sandbox.refused("eval three --threshold 0.4");
    assert!(error.contains("--threshold: expected two classes"), "{error}");
}

#[test]
fn mistakes_are_written_with_the_cells_of_their_rows() {
    let sandbox = sandbox();
    let table = sandbox.read("rare.csv");
    let dated = table.lines().enumerate().map(|(i, line)| match i {
        0 => format!("number,day,{line}\n"),
        _ => format!("n{i},2024-02-{:02},{line}\n", i % 28 + 1),
    });
    sandbox.write("rare.csv", dated.collect::<String>());
    // A date has five features.
    sandbox.succeeds("train rare.toml --set model.input=[7] --run run");
    let lines: Vec<String> = sandbox.read("rare.csv").lines().map(str::to_owned).collect();
    for (more, of_file) in [("", false), ("--data rare.csv", true)] {
        sandbox.succeeds(&format!("eval run {more} --mistakes 9 --mistakes-csv wrong.csv"));
        let wrong = sandbox.read("wrong.csv");
        let rows: Vec<Vec<&str>> = wrong.lines().map(|line| line.split(',').collect()).collect();
        assert!(rows.len() > 5, "{wrong}");
        // The columns that the model does not take are known of its own data.
        let first = if of_file { 5 } else { 6 };
        assert_eq!(rows[0][first..], ["day", "x", "noise"], "{wrong}");
        for row in &rows[1..] {
            let cells = format!(",{},{}", row[first..].join(","), row[1]);
            let at = lines.iter().position(|line| line.ends_with(&cells)).expect(&cells);
            match of_file {
                // Samples count from 0, and the first line has the names.
                true => assert_eq!(row[0], (at - 1).to_string(), "{wrong}"),
                false => assert_eq!(row[5], format!("n{at}"), "{wrong}"),
            }
        }
    }
}
