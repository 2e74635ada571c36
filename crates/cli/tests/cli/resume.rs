//! `train --resume`: a run that continues, one that cannot, and one that branches off.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gradus::events::Event;

use crate::sandbox::{Running, Sandbox};

const EVALUATED: &str = "--set train.evaluate_every=5";

/// A run of 20 steps in `here`, and what it printed.
fn run() -> (Sandbox, serde_json::Value) {
    let sandbox = Sandbox::new();
    let line = "train tiny.toml --steps 20 --set train.checkpoint_every=5 --run here --json";
    let ran = sandbox.succeeds(&format!("{line} {EVALUATED}"));
    (sandbox, ran.json())
}

fn checkpoint(step: u64) -> String {
    format!("here/checkpoints/step-{step:06}.safetensors")
}

#[test]
fn a_run_continues_from_a_checkpoint_to_the_same_weights() {
    let (sandbox, whole) = run();
    fs::remove_file(sandbox.path("here/checkpoints/last.safetensors")).unwrap();
    let ran = sandbox.succeeds("train --resume here --threads 3 --json");
    assert!(ran.err.contains("continues after step 15\n"), "{}", ran.err);
    assert_eq!(ran.json()["weights_digest"], whole["weights_digest"]);
    let ran = sandbox
        .succeeds(&format!("train tiny.toml --steps 20 --resume here --from 5 --json {EVALUATED}"));
    assert_eq!(ran.json()["weights_digest"], whole["weights_digest"]);
    let log = sandbox.read("here/events.jsonl");
    let events = log.lines().map(|line| Event::parse(line).unwrap());
    let steps = events.filter_map(|event| match event {
        Event::StepFinished(step) => Some(step.step),
        _ => None,
    });
    assert_eq!(steps.collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_finished_run_says_how_it_continues_and_does_so_with_more_epochs() {
    let (sandbox, whole) = run();
    let error = sandbox.refused("train --resume here");
    let expected = "here: all 20 steps are done (6.67 epochs)\n  to continue: gradus train --resume here --epochs N, with N above 6.67\n";
    assert_eq!(error, expected);
    let line = "train --resume here --epochs 10 --set train.checkpoints=1 --json";
    let ran = sandbox.succeeds(line);
    for said in
        ["train.steps: 20 → none\n", "train.epochs: none → 10.0\n", "continues after step 20\n"]
    {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
    assert!(!ran.err.contains("the schedule"), "a constant rate follows nothing");
    assert_eq!(ran.json()["steps"], 30);
    assert_ne!(ran.json()["weights_digest"], whole["weights_digest"]);
    let at_once = sandbox.succeeds("train tiny.toml --epochs 10 --json");
    assert_eq!(ran.json()["weights_digest"], at_once.json()["weights_digest"]);
    assert!(sandbox.read("here/experiment.toml").contains("epochs = 10.0\n"));
}

#[test]
fn a_schedule_that_follows_the_length_is_told_of() {
    let sandbox = Sandbox::new();
    let cosine = "--set train.schedule={kind='cosine',start=0.1}";
    sandbox.succeeds(&format!("train tiny.toml {cosine} --run here"));
    let ran = sandbox.succeeds("train --resume here --steps 9");
    let said = "the schedule `cosine` follows the length of the run: from here on its learning rates are those of 9 steps\n";
    assert!(ran.err.contains(said), "{}", ran.err);
}

#[test]
fn another_experiment_is_refused_with_every_difference_and_changes_nothing() {
    let (sandbox, _) = run();
    let before = (sandbox.list("here/checkpoints"), sandbox.read("here/events.jsonl"));
    let expect = |line: &str, differences: &str| {
        let error = sandbox.refused(line);
        let expected = format!(
            "cannot continue from the state of step 20: it is of another training\n{differences}  nothing was changed; gradus train --resume here --fork 20 starts a new run\n"
        );
        assert_eq!(error, expected, "{line}");
        let after = (sandbox.list("here/checkpoints"), sandbox.read("here/events.jsonl"));
        assert_eq!(after, before);
    };
    let edited = sandbox.read("tiny.toml").replace("batch = 4", "batch = 6\nl2 = 0.5");
    sandbox.write("other.toml", edited);
    let differences = "  train.l2: 0.0 → 0.5\n  train.batch: 4 → 6\n";
    expect(&format!("train other.toml --resume here --steps 30 {EVALUATED}"), differences);
    expect("train --resume here --steps 30 --seed 9", "  train.seed: 0 → 9\n");
    // One pixel of one image of the test set.
    let mut images = fs::read(sandbox.path("test-images")).unwrap();
    *images.last_mut().unwrap() ^= 1;
    sandbox.write("test-images", images);
    let error = sandbox.refused("train --resume here --steps 30");
    assert!(
        error.contains("\n  test data: [6, 4, 4, 1], SHA-256 ") && !error.contains("train data")
    );
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_offered() {
    let (sandbox, whole) = run();
    fs::remove_file(sandbox.path("here/checkpoints/last.safetensors")).unwrap();
    let newest = sandbox.path(&checkpoint(15));
    let mut bytes = fs::read(&newest).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 4;
    fs::write(&newest, bytes).unwrap();
    let error = sandbox.refused("train --resume here");
    let begin = "the checkpoint cannot be used, and the one before it is of step 10: here/checkpoints/step-000015.safetensors: tensor ";
    let end = " is damaged: it does not have the checksum that was written with it\n  nothing was changed; gradus train --resume here --from 10 continues from there\n";
    assert!(error.starts_with(begin) && error.ends_with(end), "{error}");
    let ran = sandbox.succeeds("train --resume here --from 10 --json");
    assert_eq!(ran.json()["weights_digest"], whole["weights_digest"]);
}

#[test]
fn a_fork_is_a_new_run_from_an_old_step() {
    let (sandbox, whole) = run();
    let before = sandbox.read("here/events.jsonl");
    let line = "train --resume here --fork 15 --run there --json";
    assert_eq!(sandbox.succeeds(line).json()["weights_digest"], whole["weights_digest"]);
    let ran = sandbox.succeeds("train --resume here --fork 15 --set train.l2=0.1 --steps 18");
    assert!(ran.err.contains("begins with step 15 of here\n"), "{}", ran.err);
    assert_eq!(sandbox.list("runs/tiny-1/checkpoints")[2], "step-000015.safetensors");
    assert_eq!(sandbox.read("here/events.jsonl"), before);
    // A fork continues like any other run.
    let ran = sandbox.succeeds("train --resume runs/tiny-1 --steps 19");
    assert!(
        ran.err.contains("begins with step 15 of here\ncontinues after step 18\n"),
        "{}",
        ran.err
    );
    let error = sandbox.refused("train --resume here --fork 7");
    assert_eq!(error, "here: no checkpoint of step 7; there are those of steps 0, 5, 10, 15, 20\n");
    let error = sandbox.refused("train --resume here --fork 15 --set train.optimizer=adam");
    assert!(error.contains("\n  train.optimizer: sgd → adam\n"), "{error}");
}

#[test]
fn what_cannot_be_resumed_is_said() {
    let (sandbox, _) = run();
    let error = sandbox.refused("train --resume there");
    assert!(error.starts_with("there/experiment.toml: No such file"), "{error}");
    let error = sandbox.refused("train --resume here --run there");
    assert!(error.starts_with("--run: a run continues in its own directory"), "{error}");
    fs::remove_dir_all(sandbox.path("here/checkpoints")).unwrap();
    let error = sandbox.refused("train --resume here");
    assert_eq!(error, "here: expected a run with a checkpoint, found none; start it again\n");
}

#[test]
fn a_run_that_another_process_trains_is_refused() {
    let sandbox = Sandbox::new();
    let args = ["train", "tiny.toml", "--steps", "1000000000", "--run", "here"];
    let running = Running(sandbox.command(&args).spawn().unwrap());
    let begin = Instant::now();
    while !sandbox.path("here/checkpoints/step-000000.safetensors").exists() {
        assert!(begin.elapsed().as_secs() < 60, "it does not start");
        sleep(Duration::from_millis(5));
    }
    let error = sandbox.refused("train --resume here");
    let this = format!("here: process {} on ", running.0.id());
    assert!(error.starts_with(&this), "{error}");
    assert!(error.ends_with(" is training this run; stop it first\n"), "{error}");
    drop(running);
}
