//! Models that are replaced, and a stop, while clients ask.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gradus_serve::{BoundAddress, ModelPath, PORT, PredictionServer, ServeLimits};

use crate::made_up::{Answer, Client, Server, options, price_model, table_model};

const ROW: &str = r#"{"rows":[{"size":1,"kind":"a","day":"2024-01-01"}]}"#;

#[test]
fn a_replaced_file_is_served_and_a_broken_one_leaves_the_model_as_it_was() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let report = || server.reports.recv_timeout(Duration::from_secs(30)).unwrap();
    let before = server.post("/v1/predict", ROW);
    server.replace("kinds", &table_model(2).to_bytes().unwrap());
    assert!(report().ends_with("kinds.safetensors was replaced and is served now"));
    let after = server.post("/v1/predict", ROW);
    assert_ne!(before.json()["predictions"], after.json()["predictions"]);
    server.replace("kinds", b"no model");
    let broken = report();
    assert!(
        broken.starts_with(
            "kinds: the replaced file cannot be served, the model before it still is: "
        ),
        "{broken}"
    );
    assert_eq!(server.post("/v1/predict", ROW).body, after.body);
    // A file that is not there is not an attempt.
    fs::remove_file(server.file("kinds")).unwrap();
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(server.post("/v1/predict", ROW).body, after.body);
    // One with other columns.
    server.replace("kinds", &price_model().to_bytes().unwrap());
    assert!(report().ends_with("is served now"));
    let error = server.post("/v1/predict", r#"{"rows":[{"size":1}]}"#).error();
    assert!(error.contains("`kind`"), "{error}");
    assert_eq!(server.post("/v1/predict", r#"{"rows":[[3,"b"]]}"#).status, 200);
    let metrics = server.get("/metrics").text();
    for line in [
        "gradus_reloads_total{model=\"kinds\",result=\"ok\"} 2",
        "gradus_reloads_total{model=\"kinds\",result=\"failed\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn every_request_around_a_reload_and_a_stop_gets_a_right_answer() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let other = Server::new(&[("kinds", table_model(2))], ServeLimits::default());
    let answers = [&server, &other].map(|server| server.post("/v1/predict", ROW).body);
    assert_ne!(answers[0], answers[1]);
    let is_right = |answer: &Answer| answer.status == 200 && answers.contains(&answer.body);
    let (address, n_answered) = (server.server.address(), AtomicUsize::new(0));
    let wait_for = |n: usize| {
        let (begin, from) = (Instant::now(), n_answered.load(Ordering::Relaxed));
        while n_answered.load(Ordering::Relaxed) < from + n {
            assert!(begin.elapsed() < Duration::from_secs(60), "no more answers");
            thread::sleep(Duration::from_millis(1));
        }
    };
    thread::scope(|scope| {
        let clients = (0..16).map(|_| {
            scope.spawn(|| {
                // Until nobody listens any more; then what was sent was never accepted.
                while let Ok(mut client) = Client::connect(address) {
                    loop {
                        let Ok(answer) = client.try_ask("POST", "/v1/predict", "", ROW.as_bytes())
                        else {
                            return false;
                        };
                        assert!(is_right(&answer), "{}", answer.text());
                        n_answered.fetch_add(1, Ordering::Relaxed);
                        if answer.is_last() {
                            break;
                        }
                    }
                }
                true
            })
        });
        let clients: Vec<_> = clients.collect();
        wait_for(200);
        server.replace("kinds", &table_model(2).to_bytes().unwrap());
        server.reports.recv_timeout(Duration::from_secs(30)).unwrap();
        wait_for(200);
        server.server.stop();
        for client in clients {
            assert!(client.join().unwrap(), "a request was lost");
        }
    });
}

#[test]
fn a_stop_waits_for_a_request_that_is_being_sent() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let mut client = server.client();
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        server.server.address(),
        crate::made_up::TOKEN,
        ROW.len()
    );
    let (first, rest) = ROW.split_at(10);
    client.send(format!("{head}{first}").as_bytes());
    let address = server.server.address();
    thread::scope(|scope| {
        let stopping = scope.spawn(|| server.server.stop());
        while Client::connect(address).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(500));
        assert!(!stopping.is_finished());
        let answer = client.exchange(rest.as_bytes()).unwrap();
        assert!(answer.status == 200 && answer.is_last(), "{}", answer.head);
        stopping.join().unwrap();
    });
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let start = |sources: &[(&str, &str)]| {
        let models = [("kinds", table_model(1))];
        let (mut options, _) = options(folder.path(), &models, ServeLimits::default());
        options.models = sources
            .iter()
            .map(|(name, file)| ModelPath {
                name: (*name).to_owned(),
                path: folder.path().join(file),
            })
            .collect();
        let bound = BoundAddress::bind(Some("127.0.0.1:0"), PORT).unwrap();
        PredictionServer::start(bound, options).unwrap_err().to_string()
    };
    let error = start(&[("kinds", "missing.safetensors")]);
    assert!(error.contains("missing.safetensors"), "{error}");
    let error = start(&[("kinds", "kinds.safetensors"), ("kinds", "kinds.safetensors")]);
    assert!(
        error.contains("called `kinds` as ") && error.contains("; name one of them: NAME="),
        "{error}"
    );
}
