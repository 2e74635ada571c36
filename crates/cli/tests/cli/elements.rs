//! `explain MODEL --of PATH[INDEX]`: numbers of a network, and what a step did.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// A run of 23 steps with a checkpoint every five.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    let settings = "--set train.checkpoint_every=5 --set train.optimizer='adam'";
    sandbox.succeeds(&format!("train tiny.toml --steps 23 --run first {settings}"));
    sandbox
}

fn products(explanation: &Value) -> f64 {
    let terms = explanation["terms"].as_array().unwrap();
    terms.iter().map(|term| term["product"].as_f64().unwrap()).sum()
}

#[test]
fn a_number_of_a_run_is_explained_down_to_the_pixels() {
    let sandbox = trained();
    let ran = sandbox.succeeds("explain first --of logits[1] --sample 5 --terms 4");
    ran.tells(&[
        "2.linear[1] = ",
        "add · first · sample 5 (label 2) of the test set, in evaluation",
        "Σ 1.flatten · 2.linear.weight + 2.linear.bias",
        "2.linear.weight[",
        "13 more ",
        "\nsum ",
        "one level down: gradus explain first --sample 5 --of '1.flatten[",
        "gradient of the loss ",
        ": gradus explain first --sample 5 --of 'gradient:2.linear[1]'",
    ]);
    let json =
        sandbox.succeeds("explain first --of logits[1] --sample 5 --terms 100 --json").json();
    assert_eq!(
        (&json["mode"], &json["part"], &json["label"]),
        (&"evaluation".into(), &"test".into(), &"2".into())
    );
    let explanation = &json["explanation"];
    assert_eq!(explanation["terms"].as_array().unwrap().len(), 17);
    let error = products(explanation) - explanation["value"].as_f64().unwrap();
    assert!(error.abs() < 1e-6, "{error}");
    // Every command that an answer names gives an answer.
    let mut command = "explain first --of probabilities[1] --sample 5".to_owned();
    for expected in ["probabilities[1] = ", "2.linear[", "1.flatten[", "input["] {
        let ran = sandbox.succeeds(&command);
        assert!(ran.out.starts_with(expected), "{}", ran.out);
        let Some((_, next)) = ran.out.split_once("one level down: gradus ") else { break };
        command = next.lines().next().unwrap().replace('\'', "").replace(", ", ",");
    }
    let ran = sandbox.succeeds("explain first --of input[0,0,0] --sample 5");
    ran.tells(&["input[0, 0, 0] = 0.784314", "It is given"]);
}

#[test]
fn gradients_and_the_loss_are_explained() {
    let sandbox = trained();
    let ran = sandbox.succeeds("explain first --of gradient:1.flatten[3] --json");
    let explanation = &ran.json()["explanation"];
    assert_eq!(
        (&explanation["relation"], &explanation["quantity"]),
        (&"gradient".into(), &"gradient".into())
    );
    assert_eq!(explanation["terms"].as_array().unwrap().len(), 3);
    assert_eq!(
        explanation["terms"][0]["factor"].as_str().map(|name| &name[..15]),
        Some("2.linear.weight")
    );
    let error = products(explanation) - explanation["value"].as_f64().unwrap();
    assert!(error.abs() < 1e-6, "{error}");
    sandbox.succeeds("explain first --of loss").tells(&["loss = ", "neg · first"]);
    // The gradient of a parameter on one sample of the model.
    let ran = sandbox.succeeds("explain first --of gradient:2.linear.bias[0] --sample 1");
    ran.tells(&["gradient:2.linear.bias[0] = ", "of the test set", "gradient:2.linear[0]"]);
}

#[test]
fn what_a_step_did_to_a_parameter_is_shown_as_the_run_did_it() {
    let sandbox = trained();
    let ran = sandbox.succeeds("explain first --of 2.linear.weight[5,1] --step 8");
    ran.tells(&[
        "step 8: 2.linear.weight[5, 1] ",
        "as in the log, to the last bit",
        "The gradient by samples of the batch (computed again):",
        "m ← beta1 * m + (1 - beta1) * g",
        "w ← w - rate * m_hat / (sqrt(v_hat) + epsilon)",
        "before",
        "one level down: gradus explain first --step 8 --sample ",
    ]);
    let json = sandbox.succeeds("explain first --of 2.linear.weight[5,1] --step 8 --json").json();
    let update = &json["update"];
    assert_eq!((&json["of_run"], &update["is_as_logged"]), (&true.into(), &true.into()));
    assert_eq!(update["shares"].as_array().unwrap().len(), 4);
    let names = |numbers: &Value| -> Vec<String> {
        let numbers = numbers.as_array().unwrap().iter();
        numbers.map(|number| number["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&update["before"]), ["w", "m", "v"]);
    assert_eq!(names(&update["lines"]), ["m", "v", "m_hat", "v_hat", "w"]);
    // The last step gives the saved model.
    let last = sandbox.succeeds("explain first --of 2.linear.bias[2] --step 23 --json").json();
    let saved = sandbox.succeeds("explain first --of 2.linear[2] --terms 100 --json").json();
    let terms = saved["explanation"]["terms"].as_array().unwrap().clone();
    let bias = terms.iter().find(|term| term["element"] == "2.linear.bias[2]").unwrap();
    assert_eq!(last["update"]["after"][0]["value"], bias["value"]);
    // Without a step, one that takes little time.
    sandbox.succeeds("explain first --of 2.linear.bias[2]").tells(&["step 2"]);
    // The command one level down: the share of a sample; then the gradient of the batch, whose terms are of all samples.
    let level = |ran: &str, mark: &str| {
        let command = ran.split_once(mark).unwrap().1.lines().next().unwrap();
        sandbox.succeeds(&command.replace('\'', "").replace(", ", ","))
    };
    let share = level(&ran.out, "one level down: gradus ");
    share.tells(&[
        "gradient:2.linear.weight[5, 1], share of sample ",
        "in the batch of step 8, in training",
    ]);
    level(&share.out, "one level down: gradus ").tells(&["gradient:2.linear.matmul[1] = "]);
    let (_, batch) = share.out.split_once("gradient of the batch ").unwrap();
    level(batch, ": gradus ").tells(&["gradient:2.linear.weight[5, 1] = ", "the batch of step 8"]);
    let json = |sample: &Value| {
        let of = "--of 2.linear.weight[5,1] --step 8 --terms 100 --json";
        sandbox.succeeds(&format!("explain first {of} --sample {sample}")).json()
    };
    for listed in update["shares"].as_array().unwrap() {
        let share = json(&listed["sample"]);
        assert_eq!(share["explanation"]["value"], listed["share"]);
        assert_eq!(share["explanation"]["relation"], "gradient_share");
    }
}

#[test]
fn an_untrained_preset_is_explained_with_its_first_weights() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("explain tiny.toml --of logits[0]").tells(&["2.linear[0] = 0", "sample 0 "]);
    let ran = sandbox.succeeds("explain tiny.toml --of 2.linear.bias[1]");
    ran.tells(&["step 1: 2.linear.bias[1] 0 → ", "done now", "w ← w - rate * g"]);
}

#[test]
fn mistakes_are_told_with_what_is_there() {
    let sandbox = trained();
    for (args, expected) in [
        ("first --of 2.linaer[0]", "the network has no `2.linaer`; did you mean `2.linear`?"),
        ("first --of 2.linear[3]", "2.linear: expected an index from [0] to [2], found [3]"),
        ("first --of 2.linear[", "`2.linear[`: expected `]` behind the index"),
        ("first --of logits[0] --sample 6", "there is no sample 6: expected 0 to 5"),
        ("first --of logits[0] --part validation", "--part validation: the data has no such set"),
        ("first --of 2.linear.bias[0] --step 24", "expected a step from 1 to 23, found 24"),
        ("first --of logits[0] --step 3", "--step: expected --train"),
        ("first --of logits[0] --batch", "--batch: expected a parameter"),
        (
            "first --of logits[0] --train --step 8 --sample 99",
            "expected one of the batch of step 8: ",
        ),
        (
            "first --of 2.linear.bias[0] --step 8 --sample 99",
            "expected one of the batch of step 8: ",
        ),
        ("first --of 2.linear.bias[0] --part test", "--part: the batch of a step is of the"),
        (
            "tiny.toml --of 2.linear.bias[0] --step 6",
            "at most the 5 steps of the experiment, found 6",
        ),
        ("first --sample 3", "the following required arguments were not provided"),
        ("frist --of logits[0]", "unknown preset `frist`"),
    ] {
        let error = sandbox.refused(&format!("explain {args}"));
        assert!(error.contains(expected), "{args}: {error}");
    }
}
