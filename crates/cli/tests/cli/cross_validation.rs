//! `cross-validate`: scores of folds, and the test of two experiments.

use std::fmt::Write as _;

use crate::sandbox::Sandbox;

/// A table of two classes whose border is a circle, and an experiment on it with the layers named.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let row = |mut text: String, i: u32| {
        let [x, y] = [i * 37 % 101, i * 53 % 103].map(|n| f64::from(n) / 51.0 - 1.0);
        let class = if x * x + y * y < 0.6 { "inside" } else { "outside" };
        let _ = writeln!(text, "{x:.3},{y:.3},{class}");
        text
    };
    sandbox.write("ring.csv", (0..120).fold("x,y,class\n".to_owned(), row));
    let experiment = |layers: &str| {
        format!(
            "data.source = {{ kind = 'files', train = 'ring.csv' }}\n[model]\ninput = [2]\nlayers = [{layers}]\n\
             [train]\nepochs = 40\nbatch = 16\noptimizer = 'adam'\nschedule = {{ kind = 'constant', learning_rate = 0.02 }}\n"
        )
    };
    sandbox.write("line.toml", experiment("{ kind = 'linear', units = 2 }"));
    let hidden = "{ kind = 'linear', units = 16 }, 'tanh', { kind = 'linear', units = 2 }";
    sandbox.write("hidden.toml", experiment(hidden));
    sandbox
}

#[test]
fn two_experiments_are_compared_on_the_same_folds() {
    let sandbox = sandbox();
    let report = sandbox
        .line("cross-validate hidden.toml line.toml --folds 4 --repeats 2 --json --threads 1")
        .json();
    let [hidden, line] = [0, 1].map(|i| &report["experiments"][i]);
    let folds = hidden["folds"].as_array().unwrap();
    assert_eq!((folds.len(), &folds[5]["repeat"], &folds[5]["fold"]), (8, &2.into(), &2.into()));
    assert!(folds.iter().all(|fold| fold["test_rows"] == 30 && fold["known_rows"] == 90));
    let mean = folds.iter().map(|fold| fold["score"].as_f64().unwrap()).sum::<f64>() / 8.0;
    assert!((hidden["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    let [hidden, line] = [hidden, line].map(|scores| scores["mean"].as_f64().unwrap());
    assert!(hidden > line + 0.1, "hidden layer {hidden}, line {line}");
    let comparison = &report["comparison"];
    assert_eq!(comparison["degrees_of_freedom"], 7);
    assert!(comparison["p"].as_f64().unwrap() < 0.05, "{comparison}");

    sandbox.succeeds("cross-validate hidden.toml --folds 3 --threads 2").tells(&[
        "test accuracy",
        "deviation",
        "hidden.toml",
    ]);
    sandbox
        .succeeds("cross-validate line.toml line.toml --folds 3")
        .tells(&["p = 1.000", "No difference"]);
}

#[test]
fn data_with_a_test_set_of_its_own_and_too_many_folds_are_refused() {
    let sandbox = sandbox();
    for (args, message) in [
        ("cross-validate softmax", "data.split: expected a source of one table"),
        ("cross-validate line.toml --folds 121", "expected one of 2 to 120 folds"),
    ] {
        let error = sandbox.refused(args);
        assert!(error.contains(message), "{error}");
    }
}
