//! `tune`: what is found, written and refused, and that a sweep which was killed finds the same.

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Running, Sandbox};

const RANGES: &str = r#"
[tune]
trials = 4
"train.schedule.learning_rate" = { log = [0.01, 1] }
"train.batch" = { choice = [2, 4] }
"#;

/// A folder with `tune.toml`: the small network with three samples in the validation part, and ranges.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let tiny = sandbox.read("tiny.toml");
    sandbox.write("tune.toml", format!("[data]\nvalidation = 3\n{tiny}{RANGES}"));
    sandbox
}

/// The results, without times and paths.
fn found(json: &Value) -> Vec<Value> {
    let mut trials = json["trials"].as_array().unwrap().clone();
    for trial in &mut trials {
        trial.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    trials
}

#[test]
fn trials_are_runs_and_the_best_can_be_trained_again() {
    let sandbox = sandbox();
    let ran = sandbox.succeeds("tune tune.toml --json --svg sweep.svg --write best.toml");
    let json = ran.json();
    assert_eq!(json["select"], "validation.accuracy");
    let trials = found(&json);
    let numbers =
        |name: &str| trials.iter().map(|trial| trial[name].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers("rank"), [1.0, 2.0, 3.0, 4.0]);
    assert!(numbers("metric").is_sorted_by(|a, b| a >= b), "{json}");
    let svg = sandbox.read("sweep.svg");
    assert!(svg.contains(">train.schedule.learning_rate</text>") && svg.contains(">0.01</text>"));
    let mut names = sandbox.list("runs/tune-tune-1");
    names.retain(|name| name != "lock");
    let runs = ["trial-001", "trial-002", "trial-003", "trial-004"];
    assert_eq!(names, [&runs[..], &["tune.jsonl", "tune.toml"]].concat());
    assert_eq!(sandbox.read("runs/tune-tune-1/tune.toml"), sandbox.read("tune.toml"));

    let best = format!("runs/tune-tune-1/{}", trials[0]["run"].as_str().unwrap());
    assert_eq!(json["best"], format!("{best}/experiment.toml"));
    assert_eq!(sandbox.read("best.toml"), sandbox.read(&format!("{best}/experiment.toml")));
    sandbox.succeeds(&format!("eval {best}"));
    let digest = |args: &str| sandbox.succeeds(args).json()["weights_digest"].clone();
    let again = digest("train best.toml --json --run again");
    assert_eq!(digest(&format!("train {best}/experiment.toml --json --run again-2")), again);
    let log = sandbox.read(&format!("{best}/events.jsonl"));
    assert!(log.contains(again.as_str().unwrap()), "{again} in\n{log}");

    let table = sandbox.succeeds("tune --resume runs/tune-tune-1");
    table.tells(&[
        "rank",
        "train.batch",
        "validation.accuracy",
        "gradus train runs/tune-tune-1/trial-00",
    ]);
    assert!(!table.err.contains("trial 1:"), "nothing is trained again: {}", table.err);
    let more = sandbox.succeeds("tune tune.toml --json --trials 5 --set train.steps=4").json();
    assert_eq!(
        (more["trials"].as_array().unwrap().len(), &more["sweep"]),
        (5, &"runs/tune-tune-2".into())
    );
    // Trial 1 draws the same, whatever the number of trials.
    let first = |trials: &[Value]| {
        trials.iter().find(|trial| trial["trial"] == 1).unwrap()["values"].clone()
    };
    assert_eq!(first(&found(&more)), first(&trials));
}

#[test]
fn the_table_of_ranges_is_left_out_of_a_run() {
    let sandbox = sandbox();
    sandbox.succeeds("train tune.toml --run one");
    assert!(!sandbox.read("one/experiment.toml").contains("tune]"));
    sandbox.succeeds("summary tune.toml");
}

#[test]
fn successive_halving_trains_the_best_longer() {
    let sandbox = sandbox();
    let halving = "--set tune.method={kind='successive_halving',factor=2} --set train.steps=8";
    let json = sandbox.succeeds(&format!("tune tune.toml --json {halving}")).json();
    let trials = found(&json);
    let column =
        |name: &str| trials.iter().map(|trial| trial[name].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(column("rung"), [3, 2, 1, 1]);
    let runs: Vec<_> = trials.iter().map(|trial| trial["run"].as_str().unwrap()).collect();
    assert!(runs[0].starts_with("rung-3-trial-00"), "{runs:?}");
    let of_rung = |rung: &str| {
        let names = sandbox.list("runs/tune-tune-1");
        names.iter().filter(|name| name.starts_with(rung)).count()
    };
    assert_eq!(["rung-1", "rung-2", "rung-3"].map(of_rung), [4, 2, 1]);
    let text = sandbox.read(&format!("runs/tune-tune-1/{}/experiment.toml", runs[0]));
    assert!(text.contains("\nsteps = 8\n"), "{text}");
}

#[test]
fn what_cannot_be_tuned_is_refused_at_its_line_before_anything_is_trained() {
    let sandbox = sandbox();
    let text = sandbox.read("tune.toml");
    let lines = text.lines().count();
    let line_of = |start: &str| 1 + text.lines().position(|line| line.starts_with(start)).unwrap();
    let (tune, trials, batch) = (line_of("[tune]"), line_of("trials"), line_of("\"train.batch\""));
    assert_eq!(batch, lines);
    for (from, to, line, column, message) in [
        ("trials = 4", "trials = 0", trials, 10, "tune.trials: expected 1 to 10000, found 0"),
        ("trials = 4", "trails = 4", trials, 1, "unknown field `trails`, expected one of `trials`"),
        (
            "trials = 4",
            "method = 'grid'",
            trials,
            10,
            "unknown variant `grid`, expected one of `random`",
        ),
        (
            "trials = 4",
            "method = { kind = 'successive_halving', factor = 1 }",
            trials,
            50,
            "tune.method.factor: expected 2 to 100, found 1",
        ),
        (
            "trials = 4",
            "select = 'test.accuracy'",
            trials,
            10,
            "tune.select: expected a metric of the validation part, such as validation.accuracy, since the test part measures and never selects, found test.accuracy",
        ),
        (
            "trials = 4",
            "select = 'validation.f1'",
            trials,
            10,
            "tune.select: expected one of validation.loss, validation.accuracy, found validation.f1",
        ),
        (
            "validation = 3",
            "",
            tune,
            1,
            "tune.select: validation.accuracy: expected data with a validation part",
        ),
        (
            "\"train.batch\"",
            "train.batch",
            batch,
            1,
            "tune.train: expected the path of a setting in quotes",
        ),
        ("\"train.batch\"", "\"train.bach\"", batch, 16, "train.bach = 2: unknown field `bach`"),
        (
            "\"train.batch\"",
            "\"model.layers.3.units\"",
            batch,
            26,
            "model.layers.3.units = 2: `layers` is not a table with `3`",
        ),
        (
            "[2, 4]",
            "[2, 0]",
            batch,
            17,
            "train.batch = 0: train.batch: expected 1 or more, found 0",
        ),
        (
            "[2, 4]",
            "[2, 10]",
            batch,
            17,
            "train.batch = 10: train.batch: expected at most the 9 samples",
        ),
        (
            "[2, 4]",
            "[2, 'x']",
            batch,
            17,
            "train.batch = x: invalid type: string \"x\", expected usize",
        ),
        ("[2, 4]", "[]", batch, 17, "train.batch: expected one value or more, found none"),
        ("choice = [2, 4]", "whole = [2, 2]", batch, 17, "train.batch: expected two whole numbers"),
        (
            "choice = [2, 4]",
            "uniform = [1.5, 2]",
            batch,
            17,
            "train.batch = 1.5: invalid type: floating point `1.5`",
        ),
        (
            "choice = [2, 4]",
            "between = [1, 2]",
            batch,
            19,
            "unknown variant `between`, expected one of `log`, `uniform`",
        ),
        ("choice = [2, 4]", "log = [1, 2, 3]", batch, 17, "invalid length 3, expected two numbers"),
    ] {
        assert!(text.contains(from), "{from}");
        sandbox.write("wrong.toml", text.replacen(from, to, 1));
        let error = sandbox.refused("tune wrong.toml");
        let expected = format!("wrong.toml:{line}:{column}: {message}");
        assert!(error.starts_with(&expected), "{error}\nis not\n{expected}");
    }
    let none = sandbox.refused("tune tiny.toml");
    assert!(none.starts_with("tiny.toml: expected a table [tune]"), "{none}");
    sandbox.write(
        "empty.toml",
        text.lines().filter(|line| !line.starts_with('"')).collect::<Vec<_>>().join("\n"),
    );
    let empty = sandbox.refused("tune empty.toml");
    assert!(
        empty.starts_with(&format!("empty.toml:{tune}:")) && empty.contains("expected a range"),
        "{empty}"
    );
    let memory = sandbox.refused("tune tune.toml --memory-limit 100");
    assert!(memory.contains("the limit is 100"), "{memory}");
    let folder = sandbox.refused("tune --resume .");
    assert!(folder.starts_with(".: expected the folder of a sweep"), "{folder}");
    assert!(sandbox.list("runs").is_empty(), "nothing is left behind");
}

#[test]
fn a_trial_that_diverges_is_the_worst_and_not_the_end() {
    let sandbox = sandbox();
    let text = sandbox.read("tune.toml");
    let rates = "\"train.schedule.learning_rate\" = { choice = [0.1, 1e39] }";
    let range = "\"train.schedule.learning_rate\" = { log = [0.01, 1] }";
    sandbox.write("far.toml", text.replace(range, rates));
    let json = sandbox.succeeds("tune far.toml --json --trials 8 --set train.steps=20").json();
    let is_finite = |trial: &Value| trial["metric"].is_number();
    let pairs: Vec<_> = found(&json)
        .iter()
        .map(|trial| (is_finite(trial), trial["values"]["train.schedule.learning_rate"] == 0.1))
        .collect();
    assert!(pairs.iter().all(|(finite, small)| finite == small), "{json}");
    assert!(pairs.is_sorted_by(|a, b| a >= b) && pairs[0].0 && !pairs[7].0, "{json}");
}

#[cfg(unix)]
#[test]
fn a_sweep_that_was_killed_and_continued_finds_the_same() {
    let sandbox = sandbox();
    let text = sandbox.read("tune.toml").replace("trials = 4", "trials = 24");
    let text = text.replace("steps = 5", "steps = 6000\nevaluate_every = 1000");
    sandbox.write("long.toml", text);
    let undisturbed = sandbox.succeeds("tune long.toml --json --threads 1 --sweep whole").json();
    let done = |sweep: &str| {
        let file = sandbox.path(sweep).join("tune.jsonl");
        std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
    };
    let start = |args: &str| {
        let args: Vec<_> = args.split_whitespace().collect();
        Running(sandbox.command(&args).spawn().unwrap())
    };
    let wait_for = |sweep: &str, lines: usize| {
        for _ in 0..6000 {
            if done(sweep) >= lines {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{sweep} has {} lines", done(sweep));
    };
    let mut killed = start("tune long.toml --json --threads 2 --sweep killed");
    wait_for("killed", 5);
    killed.signal("-KILL");
    assert_eq!(killed.end().code, None);
    let mut stopped = start("tune --resume killed --json --threads 1");
    wait_for("killed", done("killed") + 3);
    // A program in the background ignores SIGINT.
    stopped.signal("-TERM");
    let ran = stopped.end();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.err.contains("`gradus tune --resume killed` continues"), "{}", ran.err);
    assert!(done("killed") < 25, "it was stopped before its end");
    let continued = sandbox.succeeds("tune --resume killed --json --threads 2").json();
    assert_eq!(found(&continued), found(&undisturbed));
    assert_eq!(found(&continued).len(), 24);
}
