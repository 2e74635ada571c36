//! Many clients at once, and malformed requests.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gradus_studio::Timeouts;

use crate::made_up::{Server, connect, exchange, finished, request, started, step, write_run};

/// No test here takes as long unless something hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A stream of a viewer.
fn listen(server: &Server) -> TcpStream {
    let mut stream = connect(([127, 0, 0, 1], server.port()).into());
    let head = format!("GET /api/runs/live/events HTTP/1.1\r\n{}\r\n", viewer_headers(server));
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

fn viewer_headers(server: &Server) -> String {
    let link = server.studio.viewer_link().expect("others can reach it");
    let token = link.split_once("token=").unwrap().1;
    format!("Host: 127.0.0.1:{}\r\nAuthorization: Bearer {token}\r\n", server.port())
}

/// Whether a stream of events begins with success.
fn is_accepted(mut stream: &TcpStream) -> bool {
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    &first == b"HTTP/1.1 200"
}

#[test]
fn two_hundred_pages_listen_and_half_of_them_never_read() {
    let server = Server::at("0.0.0.0:0", Timeouts::default(), vec![]);
    let unread: Vec<TcpStream> = (0..100).map(|_| listen(&server)).collect();
    let readers: Vec<TcpStream> = (0..100).map(|_| listen(&server)).collect();
    let n_whole = AtomicUsize::new(0);
    let last = 20_000;
    std::thread::scope(|scope| {
        for reader in &readers {
            let n_whole = &n_whole;
            scope.spawn(move || {
                let lines = BufReader::new(reader).lines();
                let end = format!("\"step\":{last}}}");
                // The newest step arrives, though not all steps between.
                if lines.map_while(Result::ok).any(|line| line.contains(&end)) {
                    n_whole.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut log =
            OpenOptions::new().append(true).open(server.run("live").join("events.jsonl")).unwrap();
        for first in (2..=last).step_by(500) {
            let text: String = (first..=last.min(first + 499)).map(step).collect();
            log.write_all(text.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(25));
        }
    });
    assert_eq!(n_whole.into_inner(), 100);
    let address = ([127, 0, 0, 1], server.port()).into();
    assert_eq!(request(address, "GET /api/runs", &server.headers(), &[]).status, 200);
    drop(unread);
}

#[test]
fn listeners_beyond_the_limit_are_refused_until_others_leave() {
    let keep_alive = Duration::from_millis(500);
    let timeouts = Timeouts { keep_alive, ..Timeouts::default() };
    let server = Server::at("0.0.0.0:0", timeouts, vec![]);
    let mut streams = Vec::new();
    for _ in 0..4 {
        // As many as may wait at a time, on a server that may be slow, without one being taken for a stranger.
        let more: Vec<TcpStream> = (0..64).map(|_| listen(&server)).collect();
        assert!(more.iter().all(is_accepted));
        streams.extend(more);
    }
    let address = ([127, 0, 0, 1], server.port()).into();
    let headers = viewer_headers(&server);
    let answer = request(address, "GET /api/runs/live/events", &headers, &[]);
    assert_eq!((answer.status, answer.text().as_str()), (503, "256 pages are listening already\n"));
    drop(streams);
    // The next write to a closed stream shows that its client has left.
    let begin = Instant::now();
    while begin.elapsed() < LIMIT {
        if is_accepted(&listen(&server)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("closed streams still count");
}

#[test]
fn ten_thousand_malformed_requests_harm_nothing() {
    let server = Server::new();
    let address = server.studio.address();
    let good = server.headers() + "Connection: close\r\n";
    let page = server.headers_of_page() + "Connection: close\r\n";
    let mut bits = 1_u64;
    let mut random = move |bound: usize| {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (bits >> 33) as usize % bound
    };
    let targets: Vec<&str> = "/api/runs/% /api/runs/done/events?x \
        /api/runs/done/activations?set=test&sample=-1 /api/runs/done/images /api/runs//events \
        /api/runs/live/commands /api/runs/done/activations?set=test /%%% /api/runs/\u{1f600} \
        /api/\u{0} ? * api/runs"
        .split(' ')
        .collect();
    let methods =
        ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "G\u{0}T", "", "POST POST"];
    for i in 0..10_000 {
        let junk: Vec<u8> = (0..random(200)).map(|_| random(256) as u8).collect();
        let request = match i % 5 {
            0 => junk,
            1 => [b"GET / HTTP/1.1\r\n".as_slice(), &junk, b"\r\n\r\n"].concat(),
            2 => {
                let (method, target) =
                    (methods[random(methods.len())], targets[random(targets.len())]);
                format!("{method} {target} HTTP/1.1\r\n{good}\r\n").into_bytes()
            }
            3 => {
                let head = format!("POST /api/runs/live/commands HTTP/1.1\r\n{page}");
                let length = format!("Content-Length: {}\r\n\r\n", junk.len());
                [head.as_bytes(), length.as_bytes(), &junk].concat()
            }
            _ => {
                let (target, major, minor) = (targets[random(3)], random(4), random(4));
                format!("GET {target} HTTP/{major}.{minor}\r\n{good}\r\n").into_bytes()
            }
        };
        // Of what may be half a request the rest is waited for, unless nothing more can come.
        let answer = exchange(address, &request, i % 5 < 2);
        // The events of a run are the only valid ones, and a client that leaves before the end of a line has
        // asked nothing.
        let is_fine = match answer.status {
            200 => request.starts_with(b"GET /api/runs/done/events?x"),
            0 => i % 5 == 0 && !request.contains(&b'\n'),
            status => (400..500).contains(&status),
        };
        assert!(is_fine, "{} to {:?}", answer.status, String::from_utf8_lossy(&request));
    }
    assert_eq!(server.link.command(false), None);
    assert_eq!(server.get("/api/runs/done").json()["id"], "done");
}

#[test]
fn a_thousand_runs_and_a_run_of_a_million_events_can_be_opened() {
    let server = Server::new();
    let log: String = (1..=50).map(step).collect();
    for i in 0..1000 {
        write_run(&server.run(&format!("run-{i:04}")), &(started() + &log + &finished()));
    }
    let begin = Instant::now();
    let list = server.get("/api/runs").json();
    assert_eq!(list["runs"].as_array().unwrap().len(), 1002);
    let long: String = (1..=1_000_000).map(step).collect();
    write_run(&server.run("long"), &(started() + &long + &finished()));
    let events = server.get("/api/runs/long/events").text();
    let n_steps = events.matches("step_finished").count();
    assert!((1000..=1500).contains(&n_steps) && events.contains("run_finished"), "{n_steps}");
    // Hanging is what this excludes; `cargo xtask bench-live` measures.
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
}
