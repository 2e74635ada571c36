//! Data without classes: every command says what there is to say, and nothing of accuracy.

use gradus::data::Targets;
use gradus::runs::metrics::{METRICS, Metric, MetricFormula};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, has_metrics};

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

/// The metrics of values besides the loss.
fn value_metrics() -> impl Iterator<Item = &'static Metric> {
    let values = Targets::Values { values: Vec::new(), width: 1 };
    METRICS.iter().filter(move |metric| (metric.applies_to)(&values))
}

#[test]
fn a_run_with_values_reports_its_loss_and_mean_absolute_error() {
    let sandbox = sandbox();
    let ran = sandbox.succeeds("train matrices.toml --run here");
    let labels: Vec<&str> = ran.out.lines().map(|line| line[..26].trim_end()).collect();
    // While training, means over samples only.
    let means = value_metrics().filter(|metric| matches!(metric.formula, MetricFormula::Mean(_)));
    let label = |metric: &Metric| metric.name.replace('_', " ");
    let metrics: Vec<String> = means.map(|metric| format!("test {}", label(metric))).collect();
    let expected = ["steps", "train loss", "test loss"].into_iter();
    let expected = expected.chain(metrics.iter().map(String::as_str));
    let expected = expected.chain(["time", "run", "Without a validation set t"]);
    assert_eq!(labels, expected.collect::<Vec<_>>());
    assert!(!ran.err.contains("accuracy"), "{}", ran.err);

    let measured = sandbox.succeeds("eval here");
    let mut paragraphs = measured.out.split("\n\n");
    let overview: Vec<&str> = paragraphs.next().unwrap().lines().collect();
    assert_eq!(overview[0], "data                     matrix exponentials, test set");
    assert_eq!(overview[1], "samples                  1,000");
    let labels: Vec<&str> = overview[2..].iter().map(|line| line[..25].trim_end()).collect();
    let metrics: Vec<String> = value_metrics().map(label).collect();
    let expected = std::iter::once("loss").chain(metrics.iter().map(String::as_str));
    assert_eq!(labels, expected.collect::<Vec<_>>());
    let of_outputs: Vec<&str> = paragraphs.next().unwrap().lines().collect();
    assert_eq!((of_outputs[0], of_outputs.len()), ("each output:", 2 + metrics.len()));
    assert_eq!(of_outputs[1].split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    let largest: Vec<&str> = paragraphs.next().unwrap().lines().collect();
    assert_eq!((largest[0], largest.len()), ("largest errors:", 12));
    let loss = |text: &str, label: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
        line.trim().to_owned()
    };
    assert_eq!(loss(&ran.out, "test loss"), loss(&measured.out, "loss"));
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
    assert!(has_metrics(&measured, &summary["test"]), "{measured}");
    assert_eq!((&measured["confusion"], &measured["classes"]), (&json!([]), &json!([])));
    let squared = |metrics: &Value| metrics["mean_squared_error"].as_f64().unwrap();
    let of_outputs = measured["outputs"].as_array().unwrap().iter();
    let mean = of_outputs.map(|output| squared(&output["metrics"])).sum::<f64>() / 4.0;
    // Of all outputs together.
    assert!((squared(&measured["metrics"]) / mean - 1.0).abs() < 1e-12, "{measured}");
    let [first, second] = [0, 1].map(|i| measured["worst_mistakes"][i]["error"].as_f64().unwrap());
    assert_eq!(Some(first.abs()), measured["metrics"]["absolute_error_max"].as_f64());
    assert!(first.abs() >= second.abs());
    let file = sandbox.succeeds("eval here --mistakes 1 --mistakes-csv errors.csv");
    assert!(file.out.contains("\nmistakes                 errors.csv\n"), "{}", file.out);
    let rows = sandbox.read("errors.csv");
    let (columns, row) = rows.split_once('\n').unwrap();
    assert_eq!(columns, "sample,output,target,prediction,error");
    assert!(row.ends_with(&format!(",{first}\n")), "{row}");
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
