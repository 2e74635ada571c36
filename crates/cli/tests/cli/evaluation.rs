//! `gradus eval` of classifiers: names, files of mistakes, temperatures, many classes, undefined metrics.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// A sandbox whose training and test labels are changed.
fn with_labels(change: impl Fn(usize, u8) -> u8) -> Sandbox {
    let sandbox = Sandbox::new();
    for set in ["train-labels", "test-labels"] {
        let mut bytes = std::fs::read(sandbox.path(set)).unwrap();
        // After a header of eight bytes.
        let labels = bytes[8..].iter_mut().enumerate();
        labels.for_each(|(i, label)| *label = change(i, *label));
        sandbox.write(set, bytes);
    }
    sandbox
}

#[test]
fn classes_have_their_names_and_mistakes_go_into_a_file() {
    let sandbox = Sandbox::new();
    let names = "--set data.class_names=['a,b','say\"x\"','white']";
    // So small a rate that the weights stay 0: the first class is predicted.
    let rate = "--set train.schedule.learning_rate=1e-300";
    sandbox.succeeds(&format!("train tiny.toml {rate} {names} --run here"));
    let ran = sandbox.succeeds("eval here --mistakes 2 --mistakes-csv mistakes.csv");
    ran.tells(&[
        "\nmistakes                    mistakes.csv\n",
        "\n1 say\"x\"        2          0 ",
    ]);
    ran.tells(&["\n0 a,b     2  0  0\n1 say\"x\"  2  0  0\n2 white   2  0  0\n"]);
    assert!(!ran.out.contains("worst mistakes"), "{}", ran.out);
    let rows = "\
sample,label,predicted,predicted_probability,label_probability
1,\"say\"\"x\"\"\",\"a,b\",0.3333333333333333,0.3333333333333333
2,white,\"a,b\",0.3333333333333333,0.3333333333333333
";
    assert_eq!(sandbox.read("mistakes.csv"), rows);
    sandbox.succeeds("eval here --mistakes 3 --mistakes-svg mistakes.svg");
    let svg = sandbox.read("mistakes.svg");
    assert_eq!(svg.matches("<image").count(), 3);
    assert!(svg.contains(">a,b (0.33)</text>") && svg.contains(">sample 2</text>"), "{svg}");
    let json = sandbox.succeeds("eval here --json --mistakes 1").json();
    assert_eq!((&json["classes"][0]["name"], &json["misclassified"]), (&json!("a,b"), &json!(4)));
    assert_eq!(
        (&json["classes"][0]["recall"], &json["classes"][2]["recall"]),
        (&json!(1.0), &json!(0.0))
    );
    // A probability of a third is in the fifth of fifteen bins.
    let bin = &json["calibration"][4];
    assert_eq!((&bin["samples"], json["calibration"].as_array().unwrap().len()), (&json!(6), 15));
    assert_eq!(
        sandbox
            .refused("eval here --mistakes-csv nowhere/x.csv")
            .lines()
            .next()
            .map(|line| line.starts_with("writing nowhere/x.csv")),
        Some(true)
    );
}

#[test]
fn a_temperature_is_fitted_on_the_validation_set() {
    // Every fifth label is that of the next class, so none has always the largest output.
    let sandbox = with_labels(|i, label| if i % 5 == 0 { (label + 1) % 3 } else { label });
    let train = "train tiny.toml --set train.steps=400 --set data.validation=6";
    sandbox.succeeds(&format!("{train} --run here"));
    let text = sandbox.succeeds("eval here --part validation --temperature").out;
    let after = text.split("\n\ntemperature ").nth(1).unwrap();
    let lines: Vec<&str> = after.lines().collect();
    assert!(lines[0].ends_with(", fitted on validation set of train-images:"), "{text}");
    let headings: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(headings, ["as", "trained", "with", "temperature"], "{text}");
    let json = sandbox.succeeds("eval here --part validation --temperature --json").json();
    let log_loss = |measured: &Value| measured["metrics"]["log_loss"].as_f64().unwrap();
    let (before, fitted) = (log_loss(&json), &json["temperature"]);
    assert!(log_loss(fitted) < before && fitted["temperature"].as_f64() > Some(0.01), "{json}");
    assert_eq!(fitted["metrics"]["f1_macro"], json["metrics"]["f1_macro"]);
    // The same temperature for another set.
    let test = sandbox.succeeds("eval here --temperature --json --data test-images test-labels");
    assert_eq!(test.json()["temperature"]["temperature"], fitted["temperature"]);

    sandbox.succeeds(&format!("{train} --set train.loss=hinge --run hinge"));
    let error = sandbox.refused("eval hinge/checkpoints/last.safetensors --temperature");
    assert!(error.starts_with("--temperature: the loss defines no probabilities"), "{error}");
    sandbox.succeeds("train tiny.toml --run without");
    let error = sandbox.refused("eval without --temperature");
    let expected = "--temperature: the run has no validation set, expected data.validation";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn of_more_than_twenty_classes_those_with_the_lowest_f1_are_printed() {
    let sandbox = with_labels(|i, _| (i * 4) as u8);
    let classes =
        "--set data.source.classes=45 --set model.layers=['flatten',{kind='linear',units=45}]";
    sandbox.succeeds(&format!("train tiny.toml {classes} --run here"));
    let ran = sandbox.succeeds("eval here");
    ran.tells(&[
        "\ntop 5 accuracy              ",
        "\n\nthe classes with the lowest F1; --json shows all:\n",
    ]);
    assert!(!ran.out.contains("confusion matrix"), "{}", ran.out);
    let json = sandbox.succeeds("eval here --json").json();
    let len = |name: &str| json[name].as_array().unwrap().len();
    assert_eq!(["classes", "confusion"].map(len), [45, 45]);
    assert_eq!(
        (&json["classes"][1]["samples"], &json["classes"][1]["roc_auc"]),
        (&json!(0), &Value::Null)
    );
}

#[test]
fn a_metric_that_is_undefined_says_why() {
    let sandbox = with_labels(|i, label| if i < 3 { label } else { 2 });
    sandbox.succeeds("train tiny.toml --run here");
    let mut labels = std::fs::read(sandbox.path("test-labels")).unwrap();
    labels[8..].fill(2);
    sandbox.write("test-labels", labels);
    let ran = sandbox.succeeds("eval here --data test-images test-labels");
    ran.tells(&["\nroc auc                     undefined: all samples have the same label\n"]);
    let json = sandbox.succeeds("eval here --json --data test-images test-labels").json();
    assert_eq!(json["metrics"]["roc_auc"], Value::Null);
    let names: Vec<&String> = json["undefined"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["average_precision", "roc_auc"]);
    assert_eq!(json["undefined"]["roc_auc"], "all samples have the same label");
}
