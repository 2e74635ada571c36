//! Data without classes: every command says what there is to say, and nothing of accuracy.

use gradus::data::Targets;
use gradus::runs::metrics::METRICS;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// A small network that learns exponentials of matrices, all samples in one batch.
const MATRICES: &str = r#"
[data]
source = { kind = "matrix_exponential", samples = 200 }

[model]
input = [4]
layers = [{ kind = "linear", units = 8 }, "tanh", { kind = "linear", units = 4 }]

[train]
loss = "mean_squared_error"
batch = 200
steps = 250
evaluate_every = 50
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("matrices.toml", MATRICES);
    sandbox
}

/// The metrics of values besides the loss, as they are shown.
fn value_metrics() -> impl Iterator<Item = String> {
    let values = Targets::Values { values: Vec::new(), width: 1 };
    let applicable = METRICS.iter().filter(move |metric| (metric.applies_to)(&values));
    applicable.map(|metric| metric.name.replace('_', " "))
}

#[test]
fn a_run_with_values_reports_its_loss_and_mean_absolute_error() {
    let sandbox = sandbox();
    let ran = sandbox.succeeds("train matrices.toml --run here");
    let labels: Vec<&str> = ran.out.lines().map(|line| line[..26].trim_end()).collect();
    let metrics: Vec<String> = value_metrics().map(|name| format!("test {name}")).collect();
    let expected = ["steps", "train loss", "test loss"].into_iter();
    let expected = expected.chain(metrics.iter().map(String::as_str));
    let expected = expected.chain(["time", "run", "Without a validation set t"]);
    assert_eq!(labels, expected.collect::<Vec<_>>());
    assert!(!ran.err.contains("accuracy"), "{}", ran.err);

    let measured = sandbox.succeeds("eval here");
    let lines: Vec<&str> = measured.out.lines().collect();
    assert_eq!(lines[0], "data                 matrix exponentials, test set");
    assert_eq!(lines[1], "samples              1,000");
    let loss = |text: &str, label: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
        line.trim().to_owned()
    };
    let n_lines = 3 + value_metrics().count();
    assert_eq!((lines.len(), loss(&ran.out, "test loss")), (n_lines, loss(&measured.out, "loss")));
    // With the best value of the run behind it.
    let error = loss(&ran.out, "test mean absolute error");
    assert!(error.starts_with(&loss(&measured.out, "mean absolute error")), "{error}");
}

#[test]
fn a_step_that_is_an_epoch_is_not_a_line_of_its_own() {
    let ran = sandbox().line("train matrices.toml");
    let lines = ran.err.lines().filter(|line| line.starts_with("step ")).count();
    // Every third of 250 epochs.
    assert_eq!(lines, 83, "{}", ran.err);
}

#[test]
fn json_has_no_accuracy() {
    let sandbox = sandbox();
    let summary = sandbox.line("train matrices.toml --run here --json").json();
    for part in ["test", "best"] {
        assert_eq!(summary[part]["accuracy"], Value::Null);
    }
    let loss = |part: &str| summary[part]["loss"].as_f64();
    assert!(loss("test") < loss("train").map(|loss| 4.0 * loss));
    let measured = sandbox.line("eval here --json").json();
    assert_eq!(measured["metrics"], summary["test"]);
    assert_eq!(measured["confusion"], serde_json::json!([]));
}

#[test]
fn an_accuracy_that_cannot_be_reached_is_refused_before_the_run() {
    let sandbox = sandbox();
    let error = sandbox.refused("train matrices.toml --target-accuracy 0.9");
    let expected = "--target-accuracy: expected labelled data, found numeric targets in matrix exponentials, test set; remove the option\n";
    assert_eq!(error, expected);
    assert!(sandbox.list("runs").is_empty());
}

#[test]
fn the_commands_that_only_look_take_it_as_any_other() {
    let sandbox = sandbox();
    let summary = sandbox.line("summary matrices.toml");
    let total: Vec<&str> = summary.out.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(total, ["total", "76", "64"], "{}", summary.out);
    let check = sandbox.line("check matrices.toml");
    assert!(check.out.ends_with("all 4 gradients agree within 1e-6\n"), "{check:?}");
    let report = sandbox.line("bench matrices.toml --seconds 0.05 --json").json();
    assert!(report["samples_per_second"].as_f64() > Some(0.0), "{report}");
}
