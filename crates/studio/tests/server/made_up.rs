//! A server with some runs, and a client that sends exactly the given bytes.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data::{Dataset, Features, Targets};
use events::FORMAT;
use gradus_studio::{
    BoundAddress, Endpoint, LiveLink, LiveRun, Options, PORT, Studio, Timeouts, live,
};
use runs::{DataSpec, ExperimentError, Parts, SavedModel, Split};
use serde_json::{Value, json};

use crate::uploads::kept_uploads;

/// The run `live` is linked to this process, `done` has ended.
pub(crate) struct Server {
    pub(crate) studio: Studio,
    pub(crate) link: LiveLink,
    pub(crate) runs: tempfile::TempDir,
}

/// A network for images of 2 × 2 pixels in 3 classes.
pub(crate) const EXPERIMENT: &str = "data = { source = 'memory' }\ntrain = { steps = 3, batch = 2 }\n\
    model = { input = [2, 2, 1], layers = ['flatten', { kind = 'linear', units = 3 }] }\n";

pub(crate) fn images(data: &DataSpec) -> Result<Parts, ExperimentError> {
    let set = |name, n: u8| {
        let pixels = (0..4 * n).collect();
        let targets =
            Targets::Labels { values: (0..n).map(|i| u32::from(i % 3)).collect(), classes: 3 };
        Dataset::new(name, [2, 2, 1], Features::U8(pixels), targets).unwrap().divided_by(1.0)
    };
    data.prepare(Split { train: set("train", 6), test: set("test", 3) })
}

pub(crate) fn saved() -> SavedModel {
    let experiment = runs::Experiment::parse("small.toml", EXPERIMENT).unwrap();
    let transforms = images(&experiment.data).unwrap().transforms().unwrap().clone();
    let (parameters, running_statistics) = (Vec::new(), Vec::new());
    let mut saved = SavedModel { experiment, transforms, parameters, running_statistics };
    saved.parameters = saved.model().unwrap().initial_parameters(1);
    saved
}

fn line(event: &Value) -> String {
    format!("{event}\n")
}

pub(crate) fn started() -> String {
    line(&json!({
        "event": "run_started", "format": FORMAT, "version": "0.1.0", "name": "small", "seed": 1,
        "threads": 1, "isa": "portable", "parameters": 15, "parts": { "train": 6, "test": 3 },
        "selection": { "part": "test", "metric": "accuracy" },
        "batch": 2, "steps_planned": 3, "loss": "cross_entropy",
        "metrics": [
            { "name": "loss", "unit": "nats", "higher_is_better": false },
            { "name": "accuracy", "unit": "fraction", "higher_is_better": true },
        ],
    }))
}

pub(crate) fn step(step: u64) -> String {
    line(&json!({
        "event": "step_finished", "step": step, "epoch": step as f64 / 3.0,
        "metrics": { "loss": 1.0, "accuracy": 0.5 },
        "penalty": 0.0, "learning_rate": 0.1, "grad_norm": 1.0,
    }))
}

fn best() -> Value {
    json!({ "loss": { "value": 1.0, "step": 1 }, "accuracy": { "value": 0.75, "step": 1 } })
}

pub(crate) fn evaluation(step: u64) -> String {
    line(&json!({
        "event": "evaluation_finished", "step": step, "epoch": step as f64 / 3.0,
        "part": "test", "samples": 3, "metrics": { "loss": 1.0, "accuracy": 0.75 },
        "best": best(), "misclassified": [[1, 2]],
    }))
}

pub(crate) fn finished() -> String {
    line(&json!({
        "event": "run_finished", "reason": { "kind": "completed" }, "model_saved": true,
        "name": "small", "seed": 1, "steps": 3, "epochs": 1.0,
        "train": { "loss": 1.0, "accuracy": 0.5 }, "test": { "loss": 1.0, "accuracy": 0.75 },
        "best": best(), "selection": { "part": "test", "metric": "accuracy" }, "weights_digest": "00",
        "samples_per_second": 100.0, "wall_seconds": 1.0, "threads": 1,
    }))
}

/// Serves the runs of a folder.
pub(crate) fn serve(
    address: &str,
    runs: &Path,
    live: Option<LiveRun>,
    timeouts: Timeouts,
    endpoints: Vec<Box<dyn Endpoint>>,
) -> Studio {
    let roots = vec![runs.to_owned()];
    let uploads = Some(kept_uploads(runs));
    let allowed_hosts = vec!["gradus.example".to_owned()];
    let open_data = images;
    let options = Options { roots, live, open_data, endpoints, uploads, timeouts, allowed_hosts };
    Studio::serve(BoundAddress::bind(Some(address), PORT).unwrap(), options).unwrap()
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
        Self::at("127.0.0.1:0", timeouts, vec![])
    }

    pub(crate) fn at(address: &str, timeouts: Timeouts, endpoints: Vec<Box<dyn Endpoint>>) -> Self {
        let runs = tempfile::tempdir().unwrap();
        write_run(&runs.path().join("live"), &(started() + &step(1)));
        let events =
            [started(), step(1), evaluation(1), step(2), step(3), evaluation(3), finished()];
        write_run(&runs.path().join("done"), &events.concat());
        saved().write(runs.path().join("done/checkpoints/last.safetensors")).unwrap();
        let (run, link) = live(&runs.path().join("live"));
        let studio = serve(address, runs.path(), Some(run), timeouts, endpoints);
        Self { studio, link, runs }
    }

    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.runs.path().join(name)
    }

    pub(crate) fn token(&self) -> String {
        self.studio.link().split_once("token=").unwrap().1.to_owned()
    }

    pub(crate) fn port(&self) -> u16 {
        self.studio.address().port()
    }

    /// Header lines with a valid host and token.
    pub(crate) fn headers(&self) -> String {
        let (port, token) = (self.port(), self.token());
        format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n")
    }

    /// The same, as a page of this server posts.
    pub(crate) fn headers_of_page(&self) -> String {
        format!("{}Origin: http://127.0.0.1:{}\r\n", self.headers(), self.port())
    }

    /// A request with a valid host and token.
    pub(crate) fn ask(&self, first_line: &str, more: &str, body: &[u8]) -> Answer {
        request(self.studio.address(), first_line, &(self.headers() + more), body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", &[])
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        request(self.studio.address(), &format!("POST {path}"), &self.headers_of_page(), body)
    }

    /// The summary of a run in the list.
    pub(crate) fn row(&self, id: &str) -> Value {
        let list = self.get("/api/runs").json();
        let rows = list["runs"].as_array().unwrap();
        rows.iter().find(|row| row["id"] == id).unwrap_or_else(|| panic!("{id}: {list}")).clone()
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

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends a request with these header lines, each with its line break.
pub(crate) fn request(address: SocketAddr, first_line: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "{first_line} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    send(address, &[head.as_bytes(), body].concat())
}

/// Sends some bytes and reads until the server closes.
pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> Answer {
    exchange(address, bytes, false)
}

/// As [`send`]; if `leaves`, announces that nothing will follow: the request may stay incomplete.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8], leaves: bool) -> Answer {
    let mut stream = connect(address);
    // The server may refuse the request and close while we are still writing.
    let _ = stream.write_all(bytes);
    if leaves {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
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
