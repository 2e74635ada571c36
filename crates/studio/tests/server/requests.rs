//! The answers to valid requests.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use events::Command;
use gradus_studio::{BoundAddress, PORT, ServerError};
use serde_json::{Value, json};

use crate::made_up::{
    Answer, EXPERIMENT, Server, evaluation, finished, images, saved, started, step, write_run,
};

#[test]
fn pages_come_from_the_binary() {
    let server = Server::new();
    for (path, status, kind) in [
        ("/", 200, "text/html"),
        ("/main.js", 200, "text/javascript"),
        ("/style.css", 200, "text/css"),
        ("/panels/curves.js", 200, "text/javascript"),
        ("/text/zh.json", 200, "application/json"),
        ("/no-such.js", 404, "text/plain"),
        ("/api/no-such", 404, "text/plain"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.head.contains(&format!("content-type: {kind}")), "{path}: {}", answer.head);
    }
}

/// Dates the last write of a run back by years.
fn age(run: &Path) {
    let log = fs::File::options().append(true).open(run.join("events.jsonl")).unwrap();
    log.set_modified(SystemTime::UNIX_EPOCH).unwrap();
}

#[test]
fn runs_are_listed_with_their_problems_and_a_paused_one_is_paused_however_long_it_waits() {
    let server = Server::new();
    let runs = server.runs.path();
    write_run(&runs.join("newer"), "{\"event\":\"new\"}\n");
    write_run(&runs.join("empty"), "");
    write_run(&runs.join("strange"), "hello\n");
    write_run(&runs.join("half"), &(started() + &step(1) + &step(2)[..30]));
    age(&runs.join("half"));
    // Paused by another process.
    let paused = "{\"event\":\"paused\",\"step\":1}\n";
    write_run(&runs.join("waits"), &(started() + &step(1) + paused));
    age(&runs.join("waits"));
    write_run(&runs.join("typo"), &(started() + &finished()));
    fs::write(runs.join("typo/experiment.toml"), EXPERIMENT.replace("steps", "stepps")).unwrap();
    assert_eq!(server.get("/api/runs").json()["live"], "live");
    let cases = [
        ("live", "running", ""),
        ("done", "finished", ""),
        ("waits", "paused", ""),
        (
            "newer",
            "newer",
            "events.jsonl: written by another version: unknown kind of event \"new\"",
        ),
        ("half", "crashed", "events.jsonl: it ends after step 1"),
        ("empty", "running", "events.jsonl: it is empty"),
        ("strange", "not_a_run", "events.jsonl: line 1: not an event: expected value at column 1"),
        ("typo", "finished", "experiment.toml"),
    ];
    for (id, state, problem) in cases {
        let row = server.row(id);
        assert_eq!(row["state"], state, "{id}: {row}");
        let found = row["problem"].as_str().unwrap_or_default();
        let is_expected = found.starts_with(problem) && found.is_empty() == problem.is_empty();
        assert!(is_expected, "{id}: {found}");
    }
    let done = server.row("done");
    assert_eq!((&done["step"], &done["best"]["accuracy"]["value"]), (&3.into(), &0.75.into()));
    let settings = done["settings"].to_string();
    assert!(settings.contains(r#"["train.batch","2"]"#), "{settings}");
    // The others are unharmed.
    assert_eq!(server.get("/api/runs/done").json()["classes"], 3);
    let typo = server.get("/api/runs/typo").json();
    assert!(typo["problem"].as_str().unwrap().starts_with("experiment.toml:"), "{typo}");
}

#[test]
fn a_run_of_a_program_with_kinds_of_its_own_shows_what_its_log_holds() {
    let server = Server::new();
    let folder = server.run("own");
    write_run(&folder, &(started() + &step(1) + &finished()));
    fs::write(folder.join("experiment.toml"), EXPERIMENT.replace("'flatten'", "'swish'")).unwrap();
    let about = server.get("/api/runs/own").json();
    let problem = about["problem"].as_str().unwrap();
    assert!(problem.ends_with("unknown variant `swish`"), "{problem}");
    assert_eq!((&about["name"], &about["parts"]["test"]), (&"small".into(), &3.into()));
    assert_eq!((&about["is_loss_in_nats"], &about["learning_rate"]), (&true.into(), &0.1.into()));
    assert!(about["settings"].to_string().contains("swish"), "{about}");
    assert_eq!(server.row("own")["state"], "finished");
    assert_eq!(server.get("/api/runs/own/events").status, 200);
    let page = gradus_studio::html(&folder, images).unwrap();
    assert!(page.contains("unknown variant `swish`"));
    gradus_studio::picture(&folder, images).unwrap();
}

#[test]
fn a_validation_set_is_shown_beside_the_test_set_and_its_values_are_the_best() {
    let server = Server::new();
    let with = |line: String, changes: Value| {
        let mut line: Value = serde_json::from_str(&line).unwrap();
        let Value::Object(changes) = changes else { panic!("{changes}") };
        changes.into_iter().for_each(|(field, value)| line[&field] = value);
        format!("{line}\n")
    };
    let selection = json!({ "part": "validation", "metric": "accuracy" });
    let parts = json!({ "train": 4, "validation": 2, "test": 3 });
    let of_validation = |step| {
        let metrics = json!({ "loss": 0.5, "accuracy": 0.5 });
        let best = json!({ "accuracy": { "value": 0.5, "step": 1, "test": 0.75 } });
        with(evaluation(step), json!({ "part": "validation", "metrics": metrics, "best": best }))
    };
    let of_test = |step| with(evaluation(step), json!({ "best": {} }));
    let started = with(started(), json!({ "selection": selection, "parts": parts }));
    let folder = server.run("validated");
    let steps = [1, 2].map(|i| [step(i), of_validation(i), of_test(i)].concat()).concat();
    write_run(&folder, &(started + &steps));
    assert_eq!(server.get("/api/runs/validated").json()["has_validation"], true);
    let row = server.row("validated");
    assert_eq!(
        (&row["validation"]["accuracy"], &row["test"]["accuracy"]),
        (&0.5.into(), &0.75.into())
    );
    assert_eq!(row["best"]["accuracy"], json!({ "value": 0.5, "step": 1, "test": 0.75 }));
    assert_eq!(row["selection"], selection);
    let svg = gradus_studio::picture(&folder, images).unwrap().svg();
    let head = "validation loss 0.5000, validation accuracy 50.00 % (best 50.00 %), test loss 1.0000, test accuracy 75.00 %";
    assert!(svg.contains(head), "{svg}");
    // The legend of two panels of curves.
    assert_eq!(svg.matches(">validation</text>").count(), 2, "{svg}");
    let other = gradus_studio::picture(&server.run("done"), images).unwrap().svg();
    assert!(!other.contains(">validation</text>"));
    assert_eq!(server.get("/api/runs/done").json()["has_validation"], false);
    // The data as this process reads it has no such set.
    assert_eq!(server.get("/api/runs/done/images?set=validation&samples=0").status, 404);
    assert_eq!(server.get("/api/runs/done/images?set=train&samples=0").status, 200);
}

#[test]
fn a_sweep_is_listed_with_its_trials_which_are_runs() {
    let server = Server::new();
    let folder = server.run("small-tune-1");
    for trial in ["trial-001", "trial-002"] {
        write_run(&folder.join(trial), &(started() + &finished()));
    }
    let trial = |trial: u32, metric: serde_json::Value| {
        let run = format!("trial-00{trial}");
        let values = json!({ "train.l2": 1e-6, "train.optimizer": "adam" });
        json!({
            "trial": trial, "rung": 1, "run": run, "values": values, "metric": metric,
            "best_step": 3, "epochs": 1.0, "seconds": 2.5,
        })
    };
    let plan = json!({
        "format": 1, "name": "small", "select": "validation.accuracy", "higher_is_better": true,
        "rungs": [{ "trials": 3, "share": 1.0 }],
        "ranges": [["train.l2", { "log": [1e-8, 1e-4] }], ["train.optimizer", { "choice": ["sgd", "adam"] }]],
    });
    let lines =
        [plan, trial(1, json!(null)), trial(2, json!(0.75))].map(|line| format!("{line}\n"));
    fs::write(folder.join("tune.jsonl"), lines.concat()).unwrap();
    fs::create_dir(server.run("broken-tune-1")).unwrap();
    fs::write(server.run("broken-tune-1/tune.jsonl"), "{}\n").unwrap();

    let listed = server.get("/api/sweeps").json();
    assert!(listed[0]["problem"].as_str().unwrap().contains("line 1: missing field"), "{listed}");
    assert_eq!((&listed[1]["id"], &listed[1]["planned"]), (&json!("small-tune-1"), &json!(3)));
    assert_eq!((&listed[1]["best_trial"], &listed[1]["metric"]), (&json!(2), &json!(0.75)));
    let about = server.get("/api/sweeps/small-tune-1").json();
    assert_eq!(about["settings"], json!(["train.l2", "train.optimizer"]));
    let [best, worst] = [0, 1].map(|rank| about["trials"][rank].clone());
    assert_eq!((&best["trial"], &best["values"]), (&json!(2), &json!(["1e-6", "adam"])));
    assert_eq!((&worst["trial"], &worst["metric"]), (&json!(1), &json!(null)));
    let run = best["run"].as_str().unwrap();
    assert_eq!(run, "small-tune-1/trial-002");
    let about = server.get(&format!("/api/runs/{}", run.replace('/', "%2F"))).json();
    assert_eq!(about["id"], run);
    assert_eq!(server.row("small-tune-1/trial-001")["state"], "finished");
    let picture = server.get("/api/sweeps/small-tune-1/picture?trained=2");
    assert!(picture.head.contains("content-type: image/svg+xml"), "{}", picture.head);
    assert!(picture.text().starts_with("<svg ") && picture.text().contains(">train.l2</text>"));
    for path in ["/api/sweeps/done", "/api/sweeps/..", "/api/sweeps/done/picture"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/api/sweeps/broken-tune-1").status, 404);
}

#[test]
fn a_run_tells_its_layers_and_who_can_control() {
    let server = Server::new();
    let about = server.get("/api/runs/live").json();
    assert_eq!((&about["is_live"], &about["can_control"]), (&true.into(), &true.into()));
    assert_eq!(about["image_shape"], json!([2, 2, 1]));
    assert_eq!(
        about["parameters"],
        json!([
            { "path": "2.linear.weight", "role": "weight", "shape": [4, 3] },
            { "path": "2.linear.bias", "role": "bias", "shape": [3] },
        ])
    );
    assert_eq!(about["layers"][1]["kind"], "linear");
    assert_eq!(about["state"], "running");
    let done = server.get("/api/runs/done").json();
    assert_eq!(done["state"], "finished");
    assert_eq!((&done["is_live"], &done["can_control"]), (&false.into(), &false.into()));
}

#[test]
fn a_network_is_placed_for_the_width_of_a_page() {
    let server = Server::new();
    let residual = EXPERIMENT.replace(
        "{ kind = 'linear', units = 3 }",
        "{ kind = 'linear', units = 4, name = 'a' }, 'relu', { kind = 'add', from = 'a' }, { kind = 'linear', units = 3 }",
    );
    fs::write(server.run("done/experiment.toml"), residual).unwrap();
    let placed = server.get("/api/runs/done/flow?width=360").json();
    assert_eq!(placed["boxes"].as_array().unwrap().len(), 6);
    let ends = placed["edges"].as_array().unwrap().iter().map(|edge| [&edge["from"], &edge["to"]]);
    let ends = ends.map(|ends| ends.map(|end| end.as_u64().unwrap())).collect::<Vec<_>>();
    assert_eq!(ends, [[0, 1], [1, 2], [2, 3], [3, 4], [2, 4], [4, 5]]);
    assert!(placed["width"].as_f64().unwrap() <= 360.0, "{placed}");
    for query in ["", "?width=wide", "?width=1&height=1"] {
        assert_eq!(server.get(&format!("/api/runs/done/flow{query}")).status, 400, "{query}");
    }
}

#[test]
fn events_of_a_finished_run_come_whole_and_end() {
    let server = Server::new();
    let text = server.get("/api/runs/done/events").text();
    let log = fs::read_to_string(server.run("done").join("events.jsonl")).unwrap();
    let lines: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("data: {").map(|_| &line[6..])).collect();
    assert_eq!(lines, log.lines().collect::<Vec<_>>());
    assert!(text.starts_with("event: history\n") && text.contains("event: end\n"), "{text}");
    // A page continues where its connection broke.
    let id: u64 = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().parse().unwrap();
    assert_eq!(id, log.len() as u64);
    let more = format!("Last-Event-ID: {}\r\n", started().len());
    let rest = server.ask("GET /api/runs/done/events", &more, &[]).text();
    assert!(!rest.contains("run_started") && rest.contains("run_finished"), "{rest}");
}

#[test]
fn a_page_has_one_stream_for_all_its_runs() {
    let server = Server::new();
    write_run(&server.run("other"), &(started() + &step(1) + &finished()));
    let ask = |runs: Value| {
        let runs = runs.to_string().replace('"', "%22").replace(' ', "");
        server.get(&format!("/api/events?runs={runs}"))
    };
    let text = ask(json!([["done", null], ["no-such", null], ["other", started().len()]])).text();
    let events: Vec<Vec<&str>> = text.split("\n\n").map(|event| event.lines().collect()).collect();
    let of = |number: &str, kind: &str| {
        let (kind, number) = (format!("event: {kind}"), format!("data: {number}"));
        let mut found =
            events.iter().filter(|lines| lines.contains(&&*kind) && lines.contains(&&*number));
        found.next().unwrap_or_else(|| panic!("{kind} of {number}: {text}")).join("\n")
    };
    assert!(of("0", "history").contains("run_started"));
    assert!(of("1", "problem").ends_with("no such run"));
    // What is known is not sent again.
    let rest = of("2", "lines");
    assert!(!rest.contains("run_started") && rest.contains("run_finished"), "{rest}");
    for number in ["0", "2"] {
        of(number, "end");
    }
    for runs in
        [json!([]), json!("done"), json!([["done"]]), json!(vec![("done", Value::Null); 17])]
    {
        assert_eq!(ask(runs.clone()).status, 400, "{runs}");
    }
    assert_eq!(server.get("/api/events").status, 400);
}

#[test]
fn images_of_a_batch_are_those_that_the_network_saw() {
    let server = Server::new();
    let augmented =
        EXPERIMENT.replace("source = 'memory'", "source = 'memory', augment = ['flip']");
    fs::write(server.run("done").join("experiment.toml"), augmented).unwrap();
    assert_eq!(server.get("/api/runs/done").json()["is_augmented"], true);
    let (mut plain, mut mirrored) = (0, 0);
    for step in 1..=20 {
        let path = format!("/api/runs/done/images?set=train&samples=4,1&step={step}");
        let answer = server.get(&path).body;
        assert_eq!(answer[..8], [1, 0, 0, 0, 1, 0, 0, 0]);
        for (picture, first) in answer[8..].chunks(4).zip([16, 4]) {
            let rows = [first, first + 1, first + 2, first + 3];
            let is_plain = picture == rows;
            assert!(is_plain || picture == [rows[1], rows[0], rows[3], rows[2]], "{picture:?}");
            *(if is_plain { &mut plain } else { &mut mirrored }) += 1;
        }
        assert_eq!(server.get(&path).body, answer);
    }
    assert!(plain > 3 && mirrored > 3, "{plain} {mirrored}");
    let of_data = server.get("/api/runs/done/images?set=train&samples=4").body;
    assert_eq!(of_data, [1, 0, 0, 0, 16, 17, 18, 19]);
    assert_eq!(server.get("/api/runs/done/images?set=train&samples=4&step=-1").status, 400);
    let page = gradus_studio::html(&server.run("done"), images).unwrap();
    assert!(page.contains("\"batches\":{"), "{}", page.len());
}

#[test]
fn images_and_activations_are_those_of_the_data_and_the_model() {
    let server = Server::new();
    let answer = server.get("/api/runs/done/images?set=test&samples=2,0");
    assert_eq!(answer.body, [2, 0, 0, 0, 0, 0, 0, 0, 8, 9, 10, 11, 0, 1, 2, 3]);
    let many = ["0"; 2001].join(",");
    for (query, status) in [
        ("set=test&samples=3", 404),
        ("set=test&samples=4294967296", 404),
        ("set=test&samples=", 400),
        ("set=test&samples=-1", 400),
        ("set=other&samples=0", 400),
        ("samples=0", 400),
        (&format!("set=test&samples={many}"), 400),
    ] {
        let path = format!("/api/runs/done/images?{query}");
        assert_eq!(server.get(&path).status, status, "{query}");
    }
    let mut predictor = runs::Predictor::new(saved(), 1).unwrap();
    let scores = predictor.predict(&[4.0, 5.0, 6.0, 7.0]).unwrap().to_vec();
    let prediction = saved().experiment.train.loss.prediction();
    let expected = json!(prediction.probabilities(&scores));
    let of_sample = server.get("/api/runs/done/activations?set=test&sample=1");
    let (about, values) = numbers(&of_sample);
    assert_eq!((&about["probabilities"], &about["step"]), (&expected, &3.into()));
    assert_eq!(about["scores"], json!(scores));
    // The pixels as they are, and then the scores.
    assert_eq!(about["layers"], json!([[4], [3]]));
    assert_eq!(values, [&[4.0, 5.0, 6.0, 7.0], &scores[..]].concat());
    let of_body = server.post("/api/runs/done/activations", &[4, 5, 6, 7]);
    assert_eq!(of_body.body, of_sample.body);
    assert_eq!(server.post("/api/runs/done/activations", &[4, 5, 6]).status, 400);
    let weight = server.get("/api/runs/done/parameter?name=2.linear.weight");
    let (about, values) = numbers(&weight);
    assert_eq!((&about["shape"], &values[..]), (&json!([4, 3]), &saved().parameters[..12]));
    assert_eq!(server.get("/api/runs/done/parameter?name=../x").status, 404);
    let layer = &server.get("/api/runs/done/activation-statistics").json()["layers"][1];
    assert_eq!((&layer["path"], &layer["units"]), (&json!("2.linear"), &json!(3)));
    // The trainer provides its model when it has one.
    assert_eq!(server.get("/api/runs/live/activations?set=test&sample=1").status, 404);
    server.link.offer(7, saved);
    let (about, _) = numbers(&server.get("/api/runs/live/activations?set=test&sample=1"));
    assert_eq!(about["step"], 7);
}

/// A line of JSON and the numbers behind it.
fn numbers(answer: &Answer) -> (serde_json::Value, Vec<f32>) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let end = answer.body.iter().position(|&byte| byte == b'\n').unwrap();
    let values = answer.body[end + 1..].chunks_exact(4);
    let values = values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    (serde_json::from_slice(&answer.body[..end]).unwrap(), values)
}

#[test]
fn of_several_saved_models_the_nearest_answers() {
    let server = Server::new();
    for step in [1, 2] {
        let name = format!("done/checkpoints/step-{step:06}.safetensors");
        saved().write(server.run(&name)).unwrap();
    }
    assert_eq!(server.get("/api/runs/done").json()["saved_steps"], json!([1, 2, 3]));
    for (asked, step) in [("", 3), ("&step=0", 1), ("&step=2", 2), ("&step=99", 3)] {
        let (about, _) =
            numbers(&server.get(&format!("/api/runs/done/activations?set=test&sample=1{asked}")));
        assert_eq!(about["step"], step, "{asked}");
    }
}

#[test]
fn commands_reach_the_run_of_this_process() {
    let server = Server::new();
    let status = |body: &str| server.post("/api/runs/live/commands", body.as_bytes()).status;
    let set_to = |rate| format!(r#"{{"command":"set_learning_rate","learning_rate":{rate}}}"#);
    for (body, command) in [
        (r#"{"command":"pause"}"#, Command::Pause),
        (r#"{"command":"step"}"#, Command::Step),
        (r#"{"command":"epoch"}"#, Command::Epoch),
        (r#"{"command":"unpause"}"#, Command::Unpause),
        (&set_to("0.25"), Command::SetLearningRate { learning_rate: Some(0.25) }),
        (&set_to("null"), Command::SetLearningRate { learning_rate: None }),
        (r#"{"command":"stop"}"#, Command::Stop),
    ] {
        assert_eq!(status(body), 202, "{body}");
        assert_eq!(server.link.command(true), Some(command));
    }
    let [negative, zero, huge] = ["-1", "0", "1e300"].map(set_to);
    for body in ["", "{}", "pause", r#"{"command":"fly"}"#, &negative, &zero, &huge] {
        assert_eq!(status(body), 400, "{body}");
    }
    assert_eq!(server.post("/api/runs/done/commands", br#"{"command":"pause"}"#).status, 409);
    assert_eq!(server.post("/api/runs/nobody/commands", br#"{"command":"pause"}"#).status, 404);
    assert_eq!(server.link.command(false), None);
}

#[test]
fn an_address_in_use_is_reported_with_the_next_free_one() {
    let server = Server::new();
    let address = server.studio.address();
    let bind = |address: &str| BoundAddress::bind(Some(address), PORT);
    let error = bind(&address.to_string()).unwrap_err();
    let ServerError::InUse { free: Some(free), .. } = error else { panic!("{error}") };
    let expected = format!("another program listens there; --addr 127.0.0.1:{free} is free");
    assert_eq!(error.to_string(), format!("{address}: {expected}"));
    assert!(bind(&free.to_string()).is_ok());
    let error = bind("nowhere.invalid:1").unwrap_err().to_string();
    let expected = "expected an address of this machine and a port, such as 127.0.0.1:8000";
    assert_eq!(error, format!("nowhere.invalid:1: {expected}"));
}
