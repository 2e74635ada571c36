//! Endpoints: what they answer, and how many may ask at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use events::Command;
use gradus_studio::{Call, Endpoint, EndpointError, Timeouts};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::made_up::{Answer, Server, request};

/// What the tests ask for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Wish {
    /// Work of some milliseconds, with a name.
    Work(u64, String),
    /// The directory of a run and the step of its model.
    Run(String),
    /// An answer of so many bytes.
    Bytes(usize),
    Panic,
}

/// Grants a wish, and counts works that began and that were given up.
#[derive(Clone, Debug, Default)]
struct WishEndpoint(Arc<[AtomicUsize; 2]>);

impl WishEndpoint {
    fn begun(&self) -> usize {
        self.0[0].load(Ordering::SeqCst)
    }

    fn given_up(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }

    fn serve(&self) -> Server {
        Server::at("0.0.0.0:0", Timeouts::default(), vec![Box::new(self.clone())])
    }
}

impl Endpoint for WishEndpoint {
    fn name(&self) -> &'static str {
        "wish"
    }

    fn answer(&self, call: &Call<'_>) -> Result<Value, EndpointError> {
        match call.parse()? {
            Wish::Work(milliseconds, name) => {
                self.0[0].fetch_add(1, Ordering::SeqCst);
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(milliseconds) {
                    if call.is_over() {
                        self.0[1].fetch_add(1, Ordering::SeqCst);
                        return Err(EndpointError::OutOfTime);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(json!({ "done": name, "threads": call.threads() }))
            }
            Wish::Run(id) => {
                let run = call.run(&id)?;
                let (step, model) = run.model(None)?;
                let is_same = Arc::ptr_eq(&model, &run.model(Some(step))?.1);
                let samples = run.data()?.train.len();
                Ok(json!([run.folder().file_name().unwrap().to_str(), step, is_same, samples]))
            }
            Wish::Bytes(n) => Ok(json!("x".repeat(n))),
            Wish::Panic => panic!("a bug of an endpoint"),
        }
    }
}

/// A viewer of a server.
#[derive(Clone, Debug)]
struct Viewer {
    port: u16,
    token: String,
}

impl Viewer {
    fn of(server: &Server) -> Self {
        let link = server.studio.viewer_link().unwrap();
        let token = link.split_once("token=").unwrap().1.to_owned();
        Self { port: server.port(), token }
    }

    fn ask(&self, body: &Value) -> Answer {
        let Self { port, token } = self;
        let headers = format!(
            "Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        );
        let address = ([127, 0, 0, 1], *port).into();
        request(address, "POST /api/engine/wish", &headers, body.to_string().as_bytes())
    }

    /// Asks until the work is done, and counts the answers that took longer than promised.
    fn ask_until_done(&self, body: &Value) -> (Answer, usize) {
        /// Two seconds are promised, on a machine that is not busy with other tests.
        const LATE: Duration = Duration::from_secs(5);
        let mut n_late = 0;
        loop {
            let begin = Instant::now();
            let answer = self.ask(body);
            n_late += usize::from(begin.elapsed() > LATE);
            if ![202, 429, 503].contains(&answer.status) {
                return (answer, n_late);
            }
            assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_call_is_answered_or_told_why_not() {
    let server = WishEndpoint::default().serve();
    let viewer = Viewer::of(&server);
    let cases = [
        (json!({ "work": [0, "a"] }), 200, "{\"done\":\"a\",\"threads\":1}"),
        (json!({ "run": "done" }), 200, "[\"done\",3,true,6]"),
        (json!({ "run": "nothing" }), 404, "no such run: nothing\n"),
        (json!({ "run": "../done" }), 404, "no such run: ../done\n"),
        (json!({ "run": "live" }), 404, "no model is saved\n"),
        (json!({ "wealth": 1 }), 400, "unknown variant `wealth`"),
        (json!({ "work": [0] }), 400, "invalid length 1"),
        (
            json!({ "bytes": 5_000_000 }),
            413,
            "expected an answer of at most 4194304 bytes, found 5000002",
        ),
        (json!("panic"), 500, "a bug of an endpoint"),
    ];
    for (body, status, text) in cases {
        let answer = viewer.ask(&body);
        let found = answer.text();
        assert!(answer.status == status && found.contains(text), "{body}: {answer:?}");
    }
    assert_eq!(server.post("/api/engine/wish", b"{").status, 400);
    assert_eq!(server.post("/api/engine/other", b"{}").status, 404);
    assert_eq!(server.get("/api/engine/wish").status, 405);
    assert_eq!(server.post("/api/engine/wish", &[b' '; 1 << 17]).status, 413);
    let deep = "[".repeat(60_000);
    assert_eq!(server.post("/api/engine/wish", deep.as_bytes()).status, 400);
}

#[test]
fn who_asks_the_same_gets_the_same_work() {
    let endpoint = WishEndpoint::default();
    let server = endpoint.serve();
    let viewer = Viewer::of(&server);
    let body = json!({ "work": [2500, "lesson"] });
    let told = viewer.ask(&body);
    assert_eq!(told.status, 202, "{told:?}");
    assert_eq!(told.json()["state"], "running");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let (answer, _) = viewer.ask_until_done(&body);
                assert_eq!(answer.json()["done"], "lesson");
            });
        }
    });
    assert_eq!(viewer.ask(&body).status, 200);
    assert_eq!(endpoint.begun(), 1);
}

#[test]
fn thirty_visitors_delay_neither_each_other_nor_the_owner() {
    let endpoint = WishEndpoint::default();
    let server = endpoint.serve();
    let viewer = Viewer::of(&server);
    let n_late = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for i in 0..30 {
            let (viewer, n_late) = (&viewer, &n_late);
            scope.spawn(move || {
                let name = format!("visitor {i}");
                let (answer, late) = viewer.ask_until_done(&json!({ "work": [200, name] }));
                assert_eq!(answer.json()["done"], name);
                n_late.fetch_add(late, Ordering::Relaxed);
            });
        }
        // Meanwhile the owner works and steers.
        while endpoint.begun() < 1 {
            std::thread::sleep(Duration::from_millis(5));
        }
        for i in 0..5 {
            let begin = Instant::now();
            let body = json!({ "work": [1, format!("owner {i}")] }).to_string();
            assert_eq!(server.post("/api/engine/wish", body.as_bytes()).status, 200);
            assert_eq!(
                server.post("/api/runs/live/commands", b"{\"command\":\"pause\"}").status,
                202
            );
            assert_eq!(server.link.command(false), Some(Command::Pause));
            // Behind thirty works it would take a second and a half.
            assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        }
        assert!(endpoint.begun() < 30, "the visitors had left already");
    });
    assert_eq!(n_late.into_inner(), 0);
    assert_eq!(endpoint.begun(), 35);
}

#[test]
fn work_that_nobody_waits_for_ends_and_may_be_asked_for_again() {
    let endpoint = WishEndpoint::default();
    let server = endpoint.serve();
    let viewer = Viewer::of(&server);
    let body = json!({ "work": [50_000, "left"] });
    assert_eq!(viewer.ask(&body).status, 202);
    let begin = Instant::now();
    while endpoint.given_up() == 0 {
        assert!(begin.elapsed() < Duration::from_secs(30), "it continues");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(viewer.ask(&body).json()["state"], "running");
    assert_eq!(endpoint.begun(), 2);
}

#[test]
fn visitors_with_too_many_works_are_asked_to_wait() {
    let endpoint = WishEndpoint::default();
    let server = endpoint.serve();
    let viewer = Viewer::of(&server);
    let statuses = std::thread::scope(|scope| {
        let viewer = &viewer;
        let ask = move |i: usize| viewer.ask(&json!({ "work": [3000, format!("{i}")] })).status;
        let all: Vec<_> = (0..40).map(|i| scope.spawn(move || ask(i))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let count = |status| statuses.iter().filter(|&&other| other == status).count();
    assert_eq!((count(202), count(429)), (32, 8), "{statuses:?}");
    // The owner, at the same address, is another visitor.
    assert_eq!(server.post("/api/engine/wish", b"{\"work\":[0,\"mine\"]}").status, 200);
    // What only computes shares the places.
    let (images, begin) = ("/api/runs/done/images?set=test&samples=0", Instant::now());
    assert_eq!(server.get(images).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}
