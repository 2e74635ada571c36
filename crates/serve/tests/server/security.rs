//! Who is let in, and what clients can take.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gradus_serve::{BoundAddress, PORT, PredictionServer, ServeLimits, Token};

use crate::made_up::{Client, Server, TOKEN, options, table_model};

const ROW: &str = r#"{"rows":[{"size":1,"kind":"a","day":"2024-01-01"}]}"#;

fn head(server: &Server, first: &str, more: &str) -> String {
    format!("{first} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", server.server.address())
}

#[test]
fn only_requests_with_the_token_from_pages_of_the_server_are_answered() {
    let server = Server::new(&[("kinds", table_model(1))], ServeLimits::default());
    let port = server.server.address().port();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let host = format!("Host: localhost:{port}\r\n");
    for (headers, status, expected) in [
        (host.clone(), 401, "expected the token of this server: Authorization: Bearer TOKEN"),
        (format!("{host}Authorization: Bearer {TOKEN}x\r\n"), 401, "expected the token"),
        (format!("{host}Authorization: Basic {TOKEN}\r\n"), 401, "expected the token"),
        (format!("{host}Cookie: token={TOKEN}\r\n"), 401, "expected the token"),
        (
            format!("Host: evil.example\r\n{token}"),
            403,
            "Host: evil.example is not a name of this server; `--allow-host evil.example` makes it one",
        ),
        (token.clone(), 403, "Host: expected a name of this server"),
        (
            format!("{host}{token}Origin: http://localhost:{}\r\n", port ^ 1),
            403,
            "Origin: expected a page of this server",
        ),
        (format!("{host}{token}Origin: null\r\n"), 403, "Origin: expected a page of this server"),
    ] {
        let bytes = format!("GET /v1/models HTTP/1.1\r\n{headers}\r\n");
        let answer = server.client().exchange(bytes.as_bytes()).unwrap();
        let error = answer.error();
        assert_eq!(answer.status, status, "{headers}: {error}");
        assert!(error.starts_with(expected), "{headers}: {error}");
        assert!(answer.is_last(), "{}", answer.head);
    }
    for headers in [
        format!("{host}{token}"),
        format!("Host: models.example\r\n{token}"),
        format!("{host}{token}Origin: http://localhost:{port}\r\n"),
    ] {
        let bytes = format!("GET /v1/models HTTP/1.1\r\n{headers}\r\n");
        assert_eq!(server.client().exchange(bytes.as_bytes()).unwrap().status, 200, "{headers}");
    }
    // What has no secret needs none.
    for path in ["/", "/try.js", "/healthz"] {
        let bytes = format!("GET {path} HTTP/1.1\r\n{host}\r\n");
        assert_eq!(server.client().exchange(bytes.as_bytes()).unwrap().status, 200, "{path}");
    }
}

#[test]
fn a_new_token_stands_in_the_link_and_none_is_needed_if_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let start = |token| {
        let (mut options, _) =
            options(folder.path(), &[("kinds", table_model(1))], ServeLimits::default());
        options.token = token;
        let bound = BoundAddress::bind(Some("127.0.0.1:0"), PORT).unwrap();
        PredictionServer::start(bound, options).unwrap()
    };
    let server = start(Token::New);
    let token = server.token().unwrap().to_owned();
    assert!(token.len() == 32 && token != TOKEN);
    assert_eq!(server.link(), format!("http://{}/#token={token}", server.address()));
    assert_eq!(Client::new(server.address()).ask("GET", "/v1/models", "", &[]).status, 401);
    server.stop();
    let server = start(Token::None);
    assert_eq!((server.token(), server.link()), (None, &*format!("http://{}/", server.address())));
    let bytes = format!("GET /v1/models HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    assert_eq!(Client::new(server.address()).exchange(bytes.as_bytes()).unwrap().status, 200);
}

#[test]
fn bodies_above_the_limit_are_refused_announced_or_not() {
    let server = Server::new(
        &[("kinds", table_model(1))],
        ServeLimits { max_body: 1000, ..ServeLimits::default() },
    );
    let mut client = server.client();
    let answer = client.ask("POST", "/v1/predict", "", &[b' '; 1001]);
    let expected = "bytes of the body: found 1001, expected at most 1000";
    assert_eq!((answer.status, &*answer.error()), (413, expected));
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let chunked =
        head(&server, "POST /v1/predict", &format!("{token}Transfer-Encoding: chunked\r\n"));
    let chunk = format!("1f4\r\n{}\r\n", " ".repeat(500));
    let whole = [chunked.as_bytes(), chunk.repeat(3).as_bytes(), b"0\r\n\r\n"].concat();
    let answer = server.client().exchange(&whole).unwrap();
    let expected = "bytes of the body: found 1500 or more, expected at most 1000";
    assert_eq!((answer.status, &*answer.error()), (413, expected));
    // In two chunks that are small enough.
    let (first, second) = ROW.split_at(20);
    let chunks = [first, second].map(|part| format!("{:x}\r\n{part}\r\n", part.len())).concat();
    let whole = format!("{chunked}{chunks}0\r\n\r\n");
    assert_eq!(server.client().exchange(whole.as_bytes()).unwrap().status, 200);
}

#[test]
fn rows_that_would_wait_too_long_are_refused_for_a_moment() {
    let limits = ServeLimits { max_batch: 1, max_waiting: 10, ..ServeLimits::default() };
    let server = Server::new(&[("kinds", table_model(1))], limits);
    let row = &ROW[r#"{"rows":["#.len()..ROW.len() - 2];
    let many = format!("{{\"rows\":[{}{row}]}}", format!("{row},").repeat(5000));
    let address = server.server.address();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::new(address);
            while !is_over.load(Ordering::Relaxed) {
                // More than may wait, but nothing waits when it comes.
                let status = client.ask("POST", "/v1/predict", "", many.as_bytes()).status;
                assert!([200, 503].contains(&status), "{status}");
            }
        });
        let (begin, mut client) = (Instant::now(), Client::new(address));
        loop {
            let answer = client.ask("POST", "/v1/predict", "", ROW.as_bytes());
            if answer.status == 503 {
                assert_eq!(answer.error(), "too many rows wait for predictions: try again");
                assert!(answer.head.contains("\r\nretry-after: 1\r\n"), "{}", answer.head);
                break;
            }
            assert_eq!(answer.status, 200);
            assert!(begin.elapsed() < Duration::from_secs(60), "never refused");
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.post("/v1/predict", ROW).status, 200);
}

#[test]
fn whoever_sends_too_slowly_is_left_and_others_are_answered_meanwhile() {
    let limit = Duration::from_millis(300);
    let limits = ServeLimits { head: limit, body: limit, ..ServeLimits::default() };
    let server = Server::new(&[("kinds", table_model(1))], limits);
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(server.server.address()).unwrap();
            stream.write_all(b"GET / HTT").unwrap();
            Client::of(stream)
        })
        .collect();
    let begin = Instant::now();
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let head = head(&server, "POST /v1/predict", &format!("{token}Content-Length: 10\r\n"));
    let answer = server.client().exchange(format!("{head}{{").as_bytes()).unwrap();
    assert_eq!((answer.status, &*answer.error()), (408, "expected the whole body within 0 s"));
    assert!(begin.elapsed() >= limit);
    assert_eq!(server.post("/v1/predict", ROW).status, 200);
    for mut client in slow {
        assert!(client.answer().is_err(), "the connection was ended");
    }
}
