//! `train`: what it returns, prints and keeps.

use std::fs;
use std::io::{BufReader, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use gradus::events::{Event, Reader};
use gradus::runs::Experiment;
use serde_json::Value;

use crate::sandbox::{Running, Sandbox, has_metrics};

const KEYS: &str = "name seed steps epochs train test best selection weights_digest samples_per_second wall_seconds threads";

#[test]
fn a_target_that_is_reached_exits_0_and_one_that_is_missed_1() {
    let sandbox = Sandbox::new();
    let reached =
        sandbox.succeeds("train softmax --steps 2000 --seed 1 --target-accuracy 0.92 --json");
    assert!(reached.json()["test"]["accuracy"].as_f64() >= Some(0.92));
    assert!(reached.json()["steps"].as_u64() < Some(2000), "it stops as soon as it can");
    let missed = sandbox.line("train softmax --steps 200 --target-accuracy 0.99 --json");
    assert_eq!(missed.code, Some(1), "{missed:?}");
    assert_eq!(missed.json()["steps"], 200);
}

#[test]
fn the_last_line_of_json_has_exactly_the_promised_keys() {
    let sandbox = Sandbox::new();
    let ran = sandbox.succeeds("train tiny.toml --steps 7 --seed 3 --threads 2 --json");
    let Value::Object(object) = ran.json() else { panic!("{ran:?}") };
    let mut wanted: Vec<_> = KEYS.split(' ').collect();
    wanted.sort_unstable();
    assert_eq!(object.keys().collect::<Vec<_>>(), wanted);
    assert_eq!((&object["name"], &object["seed"]), (&"tiny".into(), &3.into()));
    assert_eq!((&object["steps"], &object["threads"]), (&7.into(), &2.into()));
    // Four of twelve samples a step.
    assert!((object["epochs"].as_f64().unwrap() - 7.0 / 3.0).abs() < 1e-12);
    assert_eq!(object["weights_digest"].as_str().map(str::len), Some(64));
    let metrics = |part: &Value| part.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(metrics(&object["test"]), ["accuracy", "loss"]);
    assert_eq!(metrics(&object["best"]), ["accuracy", "loss"]);
    let places = KEYS.split(' ').map(|key| ran.out.find(&format!("\"{key}\":")));
    assert!(places.is_sorted(), "in the promised order: {}", ran.out);
}

#[test]
fn a_network_starts_with_the_parameters_of_a_run_that_it_has() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml --steps 7 --run first");
    let named = "model.layers=['flatten',{kind='linear',units=3},{kind='linear',units=3}]";
    let ran = sandbox.succeeds(&format!("train tiny.toml --start first --set {named} --steps 1"));
    let listed = "begins with first\n  taken: 2.linear.bias, 2.linear.weight\n  new: 3.linear.bias, 3.linear.weight\n";
    assert!(ran.err.contains(listed), "{}", ran.err);
    // In a file the path is relative to the file's folder.
    let folder = sandbox.path("below");
    fs::create_dir(&folder).unwrap();
    let text = sandbox.read("tiny.toml").replace("[model]", "[model]\nstart = '../first'");
    fs::write(folder.join("started.toml"), text).unwrap();
    let ran = sandbox.succeeds("train below/started.toml --steps 1");
    assert!(ran.err.contains("begins with below/../first\n  taken: "), "{}", ran.err);
    let ran = sandbox.line("train tiny.toml --start missing --steps 1");
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("model.start: missing: No such file"), "{}", ran.err);
}

#[test]
fn any_number_of_threads_gives_the_same_weights() {
    let sandbox = Sandbox::new();
    let digest = |preset: &str, threads: u32| {
        let line = format!("train {preset} --steps 12 --seed 7 --threads {threads} --json");
        sandbox.succeeds(&line).json()["weights_digest"].clone()
    };
    for preset in ["five-relu", "conv-dropout"] {
        assert_eq!(
            [2, 5].map(|threads| digest(preset, threads)),
            [1, 1].map(|n| digest(preset, n))
        );
    }
}

#[test]
fn a_run_folder_keeps_experiment_events_and_network() {
    let sandbox = Sandbox::new();
    let line = "train tiny.toml --steps 6 --set train.evaluate_every=4 --run here --json";
    let ran = sandbox.succeeds(line);
    assert_eq!(
        sandbox.list("here"),
        ["checkpoints", "events.jsonl", "experiment.toml", "parts.csv"]
    );
    let names = ["best", "last", "step-000000", "step-000004"];
    let names = names.map(|name| format!("{name}.safetensors"));
    assert_eq!(sandbox.list("here/checkpoints"), names);
    let experiment = Experiment::parse("experiment.toml", &sandbox.read("here/experiment.toml"));
    let experiment = experiment.unwrap();
    assert_eq!((experiment.name.as_str(), experiment.train.steps), ("tiny", Some(6)));

    let log = fs::File::open(sandbox.path("here/events.jsonl")).unwrap();
    let events: Vec<Event> = Reader::new(BufReader::new(log)).map(Result::unwrap).collect();
    let steps = events.iter().filter(|event| matches!(event, Event::StepFinished(_))).count();
    let evaluations = events.iter().filter_map(|event| match event {
        Event::EvaluationFinished(evaluation) => Some(evaluation.step),
        _ => None,
    });
    assert_eq!((steps, evaluations.collect::<Vec<_>>()), (6, vec![0, 4, 6]));
    assert!(matches!(events[0], Event::RunStarted(_)));
    let Some(Event::RunFinished(finished)) = events.last() else { panic!("{events:?}") };
    assert_eq!(serde_json::to_string(&finished.summary).unwrap(), ran.out.trim_end());
    // A file of a run is an experiment like any other: it gives the same weights again.
    let again = sandbox.line("train here/experiment.toml --run again --json");
    assert_eq!(again.json()["weights_digest"], ran.json()["weights_digest"]);
}

#[test]
fn runs_count_up() {
    let sandbox = Sandbox::new();
    for _ in 0..3 {
        sandbox.succeeds("train tiny.toml");
    }
    sandbox.succeeds("train tiny.toml --set name=other");
    assert_eq!(sandbox.list("runs"), ["other-1", "tiny-1", "tiny-2", "tiny-3"]);
}

#[test]
fn a_folder_that_is_there_is_refused_and_not_touched() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("mine")).unwrap();
    sandbox.write("mine/diary.txt", "dear diary");
    let error = sandbox.refused("train tiny.toml --run mine");
    let expected =
        "mine: expected a folder that does not exist yet, found one: a run is never overwritten\n";
    assert_eq!(error, expected);
    assert_eq!(sandbox.list("mine"), ["diary.txt"]);
    assert_eq!(sandbox.read("mine/diary.txt"), "dear diary");
}

#[test]
fn what_happened_is_told_in_words() {
    let sandbox = Sandbox::new();
    let ran = sandbox.succeeds("train tiny.toml --threads 1");
    assert!(
        ran.err.starts_with("tiny: 51 parameters, 12 training and 6 test samples, 1 threads, "),
        "{}",
        ran.err
    );
    let labels: Vec<&str> = ran.out.lines().map(|line| line[..15].trim_end()).collect();
    let expected = ["steps", "train loss", "test loss", "test accuracy", "time", "run"];
    assert_eq!(labels, [&expected[..], &["Without a valid"]].concat());
    let end = "run            runs/tiny-1\nWithout a validation set the test set was used to choose, so expect \
        worse values on new data; data.validation sets one apart.\n";
    assert!(ran.out.ends_with(end), "{}", ran.out);
}

#[test]
fn a_validation_set_chooses_and_the_run_says_what_it_found() {
    let sandbox = Sandbox::new();
    let line = "train tiny.toml --set data.validation=0.25 --run here";
    let ran = sandbox.succeeds(line);
    let start = "tiny: 51 parameters, 9 training, 3 validation and 6 test samples, ";
    assert!(ran.err.contains(start), "{}", ran.err);
    assert!(
        ran.err.contains("  validation loss ") && !ran.err.contains("test loss"),
        "{}",
        ran.err
    );
    let labels: Vec<&str> = ran.out.lines().map(|line| line[..19].trim_end()).collect();
    let sets = ["validation loss", "validation accuracy", "test loss", "test accuracy"];
    assert_eq!(labels, [&["steps", "train loss"], &sets[..], &["time", "run"]].concat());
    let best = ran.out.lines().find(|line| line.contains("(best ")).unwrap();
    assert!(best.starts_with("validation accuracy") && best.contains(", test "), "{best}");

    let rows = sandbox.read("here/parts.csv");
    let numbers = |part: &str| -> Vec<usize> {
        let lines = rows.lines().filter_map(|line| line.strip_prefix(part));
        let range = |line: &str| -> Vec<usize> {
            line.split(',').map(|row| row.parse().unwrap()).collect()
        };
        lines
            .flat_map(|line| match range(line)[..] {
                [first, last] => first..=last,
                _ => panic!("{rows}"),
            })
            .collect()
    };
    let validation = numbers("validation,train,");
    // One of each class: the classes go round.
    let mut classes: Vec<usize> = validation.iter().map(|row| row % 3).collect();
    classes.sort_unstable();
    assert_eq!((classes, numbers("test,test,")), (vec![0, 1, 2], Vec::from_iter(0..6)));
    let mut all = [numbers("train,train,"), validation].concat();
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..12));

    // Every set is made again from the model alone.
    let summary = sandbox.line(&format!("{line}2 --json")).json();
    assert_eq!(
        summary["selection"],
        serde_json::json!({ "part": "validation", "metric": "accuracy" })
    );
    for (part, samples) in [("train", 9), ("validation", 3), ("test", 6)] {
        let found = sandbox.succeeds(&format!("eval here --part {part} --json")).json();
        assert_eq!(found["samples"], samples);
        assert!(part == "train" || has_metrics(&found, &summary[part]), "{part}: {found}");
    }
    sandbox.succeeds("train tiny.toml --run without");
    let error = sandbox.refused("eval without --part validation");
    assert!(error.starts_with("--part validation: the run has no validation set"), "{error}");
    let error = sandbox.refused("eval here --part dev");
    assert!(error.contains("expected train, validation or test"), "{error}");
}

#[test]
fn a_run_that_does_not_improve_ends_early_and_says_so() {
    let sandbox = Sandbox::new();
    let rule = "train.early_stopping={patience=2,min_improvement=1}";
    let line = format!("train tiny.toml --steps 100 --set {rule}");
    let ran = sandbox.succeeds(&format!("{line} --run here"));
    // The first evaluation is the best; an epoch has three steps.
    let message = "stopped early after step 6: the test accuracy did not improve any more\n";
    assert!(ran.err.ends_with(message), "{}", ran.err);
    let log = sandbox.read("here/events.jsonl");
    let end = r#""event":"run_finished","reason":{"kind":"stopped_early"},"model_saved":true"#;
    assert!(log.lines().last().unwrap().contains(end), "{log}");
    let slow = "--set data.validation=3 --set train.schedule.learning_rate=1e-9";
    let missed = sandbox.line(&format!("{line} {slow} --target-accuracy 1 --json"));
    assert_eq!(missed.code, Some(1), "{missed:?}");
    // With nine samples to train on, an epoch has two steps.
    assert_eq!(missed.json()["steps"], 4);
}

#[test]
fn a_line_has_the_evaluation_of_its_step_or_says_of_which() {
    let sandbox = Sandbox::new();
    // An epoch has three steps.
    for (every, step, of) in [(3, 3, ""), (2, 2, " (step 2)"), (9, 0, " (step 0)")] {
        let run = format!("every-{every}");
        let ran = sandbox
            .line(&format!("train tiny.toml --set train.evaluate_every={every} --run {run}"));
        let line = ran.err.lines().find(|line| line.starts_with("step 3  epoch 1.00")).unwrap();
        let log = sandbox.read(&format!("{run}/events.jsonl"));
        let evaluation = log.lines().find_map(|line| match Event::parse(line) {
            Ok(Event::EvaluationFinished(test)) if test.step == step => Some(test),
            _ => None,
        });
        let test = format!("  test loss {:.4} accuracy ", evaluation.unwrap().metrics.loss());
        assert!(line.contains(&test) && line.ends_with(of), "{line}");
        assert_eq!(line.contains('('), !of.is_empty(), "{line}");
    }
}

#[test]
fn a_number_that_is_not_finite_exits_1_and_names_step_layer_and_node() {
    let sandbox = Sandbox::new();
    let ran = sandbox.line("train tiny.toml --set train.schedule.learning_rate=1e39 --json");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let message = "stopped at step 2: value of matmul [N, 3] in layer 2.linear is not finite; the step was not taken";
    assert!(ran.err.contains(message), "{}", ran.err);
    assert_eq!(ran.json()["steps"], 1);
}

#[test]
fn a_file_where_runs_are_kept_is_refused_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("runs", "");
    for (line, file) in [("", "runs"), ("--run tiny.toml/run", "tiny.toml")] {
        let error = sandbox.refused(&format!("train tiny.toml {line}"));
        assert_eq!(error, format!("{file}: expected a folder, found a file\n"));
    }
}

/// Waits until the log of the run in `here` has an event.
fn wait_for(sandbox: &Sandbox, event: &str) {
    let log = || fs::read_to_string(sandbox.path("here/events.jsonl")).unwrap_or_default();
    let begin = Instant::now();
    while !log().contains(&format!(r#""event":"{event}""#)) {
        assert!(begin.elapsed() < Duration::from_secs(60), "no {event}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a long run in `here`, through `env` so that the test decides which signals are ignored.
#[cfg(target_os = "linux")]
fn long_run(sandbox: &Sandbox, env: &[&str]) -> Running {
    let binary = sandbox.command::<&str>(&[]).get_program().to_owned();
    let mut command = std::process::Command::new("env");
    command.args(env).arg(binary).current_dir(sandbox.path("")).stdin(Stdio::null());
    command.args(["train", "tiny.toml", "--steps", "1000000000", "--run", "here", "--json"]);
    command.args(["--set", "train.evaluate_every=1000000000"]);
    let run = Running(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    wait_for(sandbox, "evaluation_finished");
    run
}

#[cfg(target_os = "linux")]
const DEFAULT_SIGNALS: &str = "--default-signal=INT,HUP,TERM";

#[cfg(target_os = "linux")]
#[test]
fn a_run_interrupted_by_one_signal_or_a_pair_exits_130_and_is_saved() {
    // A terminal that closes sends SIGHUP twice, `timeout` SIGTERM, a key that is held down SIGINT.
    for signals in ["-INT", "-INT -INT", "-HUP -HUP", "-TERM -TERM"] {
        let sandbox = Sandbox::new();
        let mut run = long_run(&sandbox, &[DEFAULT_SIGNALS]);
        signals.split(' ').for_each(|signal| run.signal(signal));
        let ran = run.end();
        assert_eq!(ran.code, Some(130), "{signals}: {ran:?}");
        ran.tells(&["interrupted after step ", "the model is saved"]);
        let log = sandbox.read("here/events.jsonl");
        let end = r#""event":"run_finished","reason":{"kind":"interrupted"},"model_saved":true"#;
        assert!(log.lines().last().unwrap().contains(end));
        assert!(sandbox.path("here/checkpoints/last.safetensors").exists(), "{signals}: {ran:?}");
        assert!(has_metrics(&sandbox.line("eval here --json").json(), &ran.json()["test"]));
    }
}

#[test]
fn a_run_obeys_the_commands_of_standard_input() {
    let sandbox = Sandbox::new();
    let line = "train tiny.toml --steps 1000000000 --run here --commands --set train.evaluate_every=1000000000";
    let mut command = sandbox.command(&line.split(' ').collect::<Vec<_>>());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = Running(command.spawn().unwrap());
    let mut input = run.0.stdin.take().unwrap();
    for (command, event) in [
        ("halt", "run_started"),
        (r#"{"command":"pause"}"#, "paused"),
        (r#"{"command":"set_learning_rate","learning_rate":0.25}"#, "learning_rate_set"),
    ] {
        writeln!(input, "{command}").unwrap();
        wait_for(&sandbox, event);
    }
    // Nobody can unpause it any more.
    drop(input);
    wait_for(&sandbox, "unpaused");
    run.0.kill().unwrap();
    let said = run.end().err;
    assert!(said.contains("standard input: line 1: not a command"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    let sandbox = Sandbox::new();
    // As `nohup` does.
    let mut run = long_run(&sandbox, &["--default-signal=INT,TERM", "--ignore-signal=HUP"]);
    run.signal("-HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(run.0.try_wait().unwrap().is_none(), "SIGHUP ended it");
    run.signal("-TERM");
    assert_eq!(run.end().code, Some(130));
}
