//! `train --data`: from a table to a tested network with one command.

use std::fmt::Write as _;

use crate::sandbox::Sandbox;

/// Two blobs and one that is apart, with semicolons and decimal commas, in 120 rows.
pub(crate) fn blobs() -> String {
    let mut text = "breite;hoehe;farbe;art\n".to_owned();
    for i in 0..120 {
        let class = i % 3;
        let [x, y] =
            [i * 37 % 100, i * 53 % 100].map(|n| f64::from(n) / 100.0 + f64::from(class) * 1.5);
        let comma = |x: f64| format!("{x:.2}").replace('.', ",");
        let color = ["rot", "blau"][i as usize % 2];
        let _ = writeln!(
            text,
            "{};{};{color};{}",
            comma(x),
            comma(-y),
            ["a", "b", "c"][class as usize]
        );
    }
    text
}

#[test]
fn a_table_is_trained_tested_and_compared_by_one_command() {
    let sandbox = Sandbox::new();
    sandbox.write("blobs.csv", blobs());
    let ran = sandbox.succeeds("train --data blobs.csv --threads 1");
    ran.tells(&[
        "read as",
        "semicolon",
        "columns",
        "2 number, 1 category; 3 features",
        "target   art (3 classes)",
        "77 training, 19 validation, 24 test",
        "test accuracy",
        "the network",
        "always ",
        "a linear model",
        "the 5 nearest of 77 training rows",
        "runs/blobs-1.toml",
        "gradus eval runs/blobs-1",
    ]);
    let text = sandbox.read("runs/blobs-1.toml");
    for line in [
        "\"breite\" = \"number\" # ",
        "\"farbe\" = \"category\" # 2 different texts",
        "input = [3]",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // The file that was written trains the same network, from any folder, and its model is evaluated.
    let again = sandbox.line("train runs/blobs-1.toml --json --threads 2").json();
    let log = sandbox.read("runs/blobs-1/events.jsonl");
    let digest = again["weights_digest"].as_str().unwrap();
    assert!(log.contains(digest), "another network");
    sandbox.succeeds("eval runs/blobs-1").tells(&["accuracy"]);
}

#[test]
fn frequent_values_of_a_column_are_features_of_the_experiment_that_is_written() {
    let sandbox = Sandbox::new();
    // 30 amounts, each in ten rows; their parity decides.
    let row = |i: u32| {
        format!("{},{},{}\n", i % 30 * (i % 30) * 7, i % 50, ["no", "yes"][i as usize % 2])
    };
    sandbox
        .write("gains.csv", "gain,age,rich\n".to_owned() + &(0..300).map(row).collect::<String>());
    sandbox.succeeds("train --data gains.csv --epochs 30 --threads 1");
    let text = sandbox.read("runs/gains-1.toml");
    let line = "\n[data.transforms.columns]\n\"gain\" = [{ kind = \"frequent_values\" }, { kind = \"impute\" }, \
        { kind = \"robust_scale\" }]\n";
    assert!(text.contains(line) && text.contains("input = [32]"), "{text}");
    let evaluated = sandbox.line("eval runs/gains-1 --json").json();
    assert!(evaluated["metrics"]["accuracy"].as_f64() > Some(0.9), "{evaluated}");
}

#[test]
fn the_speed_of_a_network_for_a_table_is_measured() {
    let sandbox = Sandbox::new();
    sandbox.write("blobs.csv", blobs());
    sandbox.succeeds("train --data blobs.csv --threads 1 --epochs 1");
    let report = sandbox.line("bench runs/blobs-1.toml --seconds 0.05 --threads 1 --json").json();
    assert!(report["inference_seconds"]["100"].as_f64() > Some(0.0), "{report}");
}

#[test]
fn the_results_are_one_json_object_with_the_baselines() {
    let sandbox = Sandbox::new();
    let line =
        (0..60).fold("x,y\n".to_owned(), |text, i| text + &format!("{i}.5,{}.25\n", 1000 + 3 * i));
    sandbox.write("line.csv", line);
    sandbox.write("other.csv", "x,y\n7.25,1021\n9,1026\n");
    let report = sandbox
        .line("train --data line.csv --test other.csv --target y --epochs 3 --json --run here --threads 1")
        .json();
    assert!(report["test_rmse"].as_f64().unwrap() > 0.0 && report["test_accuracy"].is_null());
    let names: Vec<&str> = report["baselines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["mean", "linear", "nearest"]);
    // In the unit of the target: the mean of 1000 to 1177 is 67 from 1021.
    let mean = report["baselines"][0]["score"].as_f64().unwrap();
    assert!((60.0..70.0).contains(&mean), "{mean}");
    assert_eq!(report["experiment"], "here.toml");
}

#[test]
fn a_run_whose_last_model_is_not_its_best_says_which_is() {
    let sandbox = Sandbox::new();
    let noise = |i: u32| format!("{},{}\n", i * 37 % 101, ["a", "b"][(i * i / 7 % 2) as usize]);
    sandbox.write("noise.csv", "x,y\n".to_owned() + &(0..200).map(noise).collect::<String>());
    sandbox.succeeds("train --data noise.csv --epochs 20 --threads 1");
    let hint = "is the best one by the validation set: runs/noise-1/checkpoints/best.safetensors";
    for line in ["eval runs/noise-1", "predict runs/noise-1 noise.csv", "importance runs/noise-1"] {
        let ran = sandbox.line(line);
        assert!(ran.code == Some(0) && ran.err.contains(hint), "{line}: {ran:?}");
    }
    let best = sandbox.line("eval runs/noise-1/checkpoints/best.safetensors");
    assert!(best.code == Some(0) && !best.err.contains("best one"), "{best:?}");
}

#[test]
fn time_is_kept_and_mistakes_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write("blobs.csv", blobs());
    let ran = sandbox.succeeds("train --data blobs.csv --minutes 0.0001 --threads 1");
    assert!(ran.err.contains("epochs would take") && ran.err.contains("cut to"), "{}", ran.err);
    let text = sandbox.read("runs/blobs-1.toml");
    assert!(text.contains("# Instead of 256, which would take too long.\nepochs = "), "{text}");
    sandbox.write("empty.csv", "x,y\n");
    for (line, expected) in [
        ("train --data empty.csv", "empty.csv: has no rows, expected at least two"),
        ("train --data nothing.csv", "nothing.csv: cannot be read"),
        (
            "train --data blobs.csv --target form",
            "has no column `form`; its columns are breite, hoehe, farbe, art",
        ),
        ("train --data blobs.csv --minutes 0", "expected a number above 0"),
        ("train softmax --target art", "--target: expected --data FILE or FOLDER too"),
    ] {
        let error = sandbox.refused(line);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn pictures_are_trained_by_the_same_command() {
    let sandbox = Sandbox::new();
    let line = "train --data train-images --test test-images --epochs 2 --json --threads 1";
    let report = sandbox.line(line).json();
    assert!(report["test_accuracy"].as_f64().is_some(), "{report}");
    assert_eq!(report["baselines"][0]["name"], "majority");
    assert!(sandbox.read("runs/train-images-1.toml").contains("input = [4, 4, 1]"));
}
