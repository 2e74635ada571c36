//! A server with some runs, and a client that sends exactly the given bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data::{Dataset, Features, Targets};
use events::{
    Best, EvaluationFinished, Event, FORMAT, MetricInfo, Metrics, Part, Reason, RunFinished,
    RunStarted, StepFinished, Summary,
};
use gradus_studio::{BoundAddress, LiveLink, Options, Studio, Timeouts, live};
use runs::{DataSpec, ExperimentError, SavedModel, Split};

/// The run `live` is linked to this process, `done` has ended.
pub(crate) struct Server {
    pub(crate) studio: Studio,
    pub(crate) link: LiveLink,
    pub(crate) runs: tempfile::TempDir,
}

/// A network for images of 2 × 2 pixels in 3 classes.
pub(crate) const EXPERIMENT: &str = "data = { source = 'memory', divisor = 1 }\ntrain = { steps = 3, batch = 2 }\n\
    model = { input = [2, 2, 1], layers = ['flatten', { linear = { units = 3 } }] }\n";

pub(crate) fn images(_: &DataSpec) -> Result<Split, ExperimentError> {
    let set = |name, n: u8| {
        let pixels = (0..4 * n).collect();
        let targets =
            Targets::Labels { values: (0..n).map(|i| u32::from(i % 3)).collect(), classes: 3 };
        Dataset::new(name, [2, 2, 1], Features::U8(pixels), targets).unwrap()
    };
    Ok(Split { train: set("train", 6), test: set("test", 3) })
}

pub(crate) fn saved() -> SavedModel {
    let experiment = runs::Experiment::parse("small.toml", EXPERIMENT).unwrap();
    let mut saved =
        SavedModel { experiment, parameters: Vec::new(), running_statistics: Vec::new() };
    saved.parameters = saved.model().unwrap().initial_parameters(1);
    saved
}

fn metrics(accuracy: f64) -> Metrics {
    Metrics::new(1.0).with("accuracy", accuracy)
}

fn best() -> BTreeMap<String, Best> {
    [("accuracy", 0.75), ("loss", 1.0)]
        .map(|(name, value)| (name.into(), Best { value, step: 1 }))
        .into()
}

pub(crate) fn started() -> String {
    let info = |name: &str, unit: &str| MetricInfo {
        name: name.into(),
        unit: unit.into(),
        higher_is_better: name != "loss",
    };
    let started = RunStarted {
        format: FORMAT,
        version: "0.1.0".into(),
        name: "small".into(),
        seed: 1,
        threads: 1,
        isa: "portable".into(),
        rank: None,
        ranks: None,
        parameters: 15,
        parts: [(Part::Train, 6), (Part::Test, 3)].into(),
        batch: 2,
        steps_planned: Some(3),
        loss: "cross_entropy".into(),
        metrics: vec![info("loss", "nats"), info("accuracy", "fraction")],
        continues: None,
        fork_of: None,
    };
    Event::RunStarted(started).to_line() + "\n"
}

pub(crate) fn step(step: u64) -> String {
    let event = StepFinished {
        step,
        epoch: step as f64 / 3.0,
        metrics: metrics(0.5),
        penalty: 0.0,
        learning_rate: 0.1,
        grad_norm: 1.0,
    };
    Event::StepFinished(event).to_line() + "\n"
}

pub(crate) fn evaluation(step: u64) -> String {
    let event = EvaluationFinished {
        step,
        epoch: step as f64 / 3.0,
        part: Part::Test,
        samples: 3,
        metrics: metrics(0.75),
        best: best(),
        misclassified: vec![(1, 2)],
    };
    Event::EvaluationFinished(event).to_line() + "\n"
}

pub(crate) fn finished() -> String {
    let summary = Summary {
        name: "small".into(),
        seed: 1,
        steps: 3,
        epochs: 1.0,
        train: metrics(0.5),
        test: metrics(0.75),
        best: best(),
        weights_digest: "00".into(),
        samples_per_second: 100.0,
        wall_seconds: 1.0,
        threads: 1,
    };
    Event::RunFinished(RunFinished { reason: Reason::Completed, model_saved: Some(true), summary })
        .to_line()
        + "\n"
}

pub(crate) fn write_run(folder: &Path, events: &str) {
    fs::create_dir_all(folder.join("checkpoints")).unwrap();
    fs::write(folder.join("experiment.toml"), EXPERIMENT).unwrap();
    fs::write(folder.join("events.jsonl"), events).unwrap();
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with_timeouts(Timeouts::default())
    }

    pub(crate) fn with_timeouts(timeouts: Timeouts) -> Self {
        let runs = tempfile::tempdir().unwrap();
        write_run(&runs.path().join("live"), &(started() + &step(1)));
        let done = started()
            + &step(1)
            + &evaluation(1)
            + &step(2)
            + &step(3)
            + &evaluation(3)
            + &finished();
        write_run(&runs.path().join("done"), &done);
        saved().write(&runs.path().join("done/checkpoints/last.safetensors")).unwrap();
        let (run, link) = live(&runs.path().join("live"));
        let studio = BoundAddress::bind(Some("127.0.0.1:0")).unwrap().serve(Options {
            roots: vec![runs.path().to_owned()],
            live: Some(run),
            open_data: images,
            timeouts,
        });
        Self { studio: studio.unwrap(), link, runs }
    }

    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.runs.path().join(name)
    }

    pub(crate) fn token(&self) -> String {
        self.studio.link().split_once("token=").unwrap().1.to_owned()
    }

    /// A request with a valid host and token.
    pub(crate) fn ask(&self, first_line: &str, more: &str, body: &[u8]) -> Answer {
        let (address, token) = (self.studio.address(), self.token());
        let port = address.port();
        let length = body.len();
        let head = format!(
            "{first_line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: gradus-{port}={token}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        send(address, &[head.as_bytes(), body].concat())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", &[])
    }

    /// Posts as a page of this server does.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        let origin = format!("Origin: http://127.0.0.1:{}\r\n", self.studio.address().port());
        self.ask(&format!("POST {path}"), &origin, body)
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 if the connection was closed without an answer.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends some bytes and reads until the server closes.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    // The server may refuse the request and close while we are still writing.
    let _ = stream.write_all(bytes);
    read(stream)
}

/// The same, but announces that nothing will follow: the request stays incomplete.
pub(crate) fn send_and_leave(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    read(stream)
}

fn read(mut stream: TcpStream) -> Answer {
    let mut found = Vec::new();
    let _ = stream.read_to_end(&mut found);
    let end =
        found.windows(4).position(|window| window == b"\r\n\r\n").map_or(found.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&found[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = found[end..].to_vec();
    Answer { status, body: unchunk(&head, body), head }
}

/// The body without the lengths of its chunks.
fn unchunk(head: &str, body: Vec<u8>) -> Vec<u8> {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body;
    }
    let mut rest = &body[..];
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        whole.extend(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
    }
    whole
}
