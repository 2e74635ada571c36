//! Known attacks on local servers, and the answers of this one.

use std::io::{Error, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use gradus_studio::Timeouts;

use crate::made_up::{Server, connect, request, send, serve, started, write_run};

const PAUSE: &[u8] = br#"{"command":"pause"}"#;

/// The status of a request with these header lines, from `GET` or `POST` of `target`.
fn raw(server: &Server, method: &str, target: &str, lines: &[String]) -> u16 {
    let body = if method == "POST" { PAUSE } else { &[] };
    let headers = lines.join("\r\n") + "\r\n";
    request(server.studio.address(), &format!("{method} {target}"), &headers, body).status
}

#[test]
fn only_our_own_names_are_answered() {
    let server = Server::new();
    let port = server.port();
    let cookie = format!("Cookie: gradus-{port}={}", server.token());
    let with = |host: String| raw(&server, "GET", "/api/runs", &[host, cookie.clone()]);
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(with(format!("Host: {host}:{port}")), 200, "{host}");
    }
    let other_port = format!("127.0.0.1:{}", port.wrapping_add(1));
    let names =
        "evil.example 127.0.0.1.evil.example localhost. evil@127.0.0.1 127.1 2130706433 0.0.0.0";
    let foreign = names.split(' ').map(|name| format!("{name}:{port}"));
    let two = format!("127.0.0.1:{port}, evil.example");
    for host in foreign.chain(["127.0.0.1".into(), other_port, two, String::new()]) {
        let status = with(format!("Host: {host}"));
        assert!((400..500).contains(&status), "{host}: {status}");
    }
    assert_eq!(with("X-Host: none".into()), 403);
    // Two hosts, or another one in the request line.
    let two = [format!("Host: 127.0.0.1:{port}"), "Host: evil.example".into(), cookie.clone()];
    assert!((400..500).contains(&raw(&server, "GET", "/api/runs", &two)));
    let good = [format!("Host: 127.0.0.1:{port}"), cookie.clone()];
    assert_eq!(raw(&server, "GET", &format!("http://evil.example:{port}/api/runs"), &good), 403);
    // A proxy's word for the host counts nothing.
    let forwarded = [
        format!("Host: evil.example:{port}"),
        format!("X-Forwarded-Host: 127.0.0.1:{port}"),
        cookie,
    ];
    assert_eq!(raw(&server, "GET", "/api/runs", &forwarded), 403);
}

#[test]
fn pages_of_others_cannot_ask_and_only_ours_can_change_anything() {
    let server = Server::new();
    let port = server.port();
    let with = |method: &str, target: &str, origin: Option<String>| {
        let origin = origin.map(|origin| format!("Origin: {origin}"));
        let lines: Vec<_> =
            [server.headers().trim_end().into()].into_iter().chain(origin).collect();
        raw(&server, method, target, &lines)
    };
    let commands = "/api/runs/live/commands";
    for origin in
        ["http://evil.example", "null", "", "https://127.0.0.1", "http://127.0.0.1", "file://"]
    {
        assert_eq!(with("POST", commands, Some(origin.into())), 403, "{origin}");
        assert_eq!(with("GET", "/api/runs", Some(origin.into())), 403, "{origin}");
    }
    assert_eq!(with("POST", commands, Some(format!("https://127.0.0.1:{port}"))), 403);
    let form = with("POST", commands, None);
    assert_eq!(form, 403, "a form of another page needs no origin to be sent");
    assert_eq!(server.link.command(false), None);
    assert_eq!(with("POST", commands, Some(format!("http://127.0.0.1:{port}"))), 202);
    assert_eq!(with("POST", commands, Some(format!("http://localhost:{port}"))), 202);
    // No page of others may read an answer, whatever it sends.
    let answer = server.get("/api/runs");
    assert!(!answer.head.to_ascii_lowercase().contains("access-control-allow"), "{}", answer.head);
    assert!((400..500).contains(&with("OPTIONS", commands, Some("http://evil.example".into()))));
}

#[test]
fn nothing_is_shown_without_the_token() {
    let server = Server::new();
    let (port, token) = (server.port(), server.token());
    let host = format!("Host: 127.0.0.1:{port}");
    let wrong = "0".repeat(token.len());
    for path in ["/", "/main.js", "/api/runs", "/api/runs/done/events", "/no-such"] {
        assert_eq!(raw(&server, "GET", path, std::slice::from_ref(&host)), 401, "{path}");
    }
    for (line, status) in [
        (format!("Cookie: gradus-{port}={wrong}"), 401),
        (format!("Cookie: gradus-{port}="), 401),
        (format!("Cookie: gradus-{}={token}", port.wrapping_add(1)), 401),
        (format!("Cookie: gradus-{port}={}", &token[..token.len() - 1]), 401),
        (format!("Cookie: gradus-{port}={token}0"), 401),
        (format!("Authorization: Bearer {wrong}"), 401),
        (format!("Cookie: other=1; gradus-{port}={token}"), 200),
        (format!("Authorization: Bearer {token}"), 200),
    ] {
        let found = raw(&server, "GET", "/api/runs", &[host.clone(), line.clone()]);
        assert_eq!(found, status, "{line}");
    }
    // The link sets the cookie, which no script can read and no other page can send.
    let link = format!("GET /?token={token}");
    let first = request(server.studio.address(), &link, &(host + "\r\n"), &[]);
    let cookie = format!("set-cookie: gradus-{port}={token}; Path=/; HttpOnly; SameSite=Strict");
    assert!(first.status == 200 && first.head.contains(&cookie), "{}", first.head);
    // The log holds no token, and two servers have two.
    assert_ne!(Server::new().token(), token);
}

#[test]
fn the_browser_is_told_to_trust_nothing_else() {
    let server = Server::new();
    let refused = server.post("/api/runs/live/commands", b"?");
    for answer in
        ["/", "/api/runs", "/no-such"].map(|path| server.get(path)).iter().chain([&refused])
    {
        let head = answer.head.to_ascii_lowercase();
        for line in [
            "content-security-policy: default-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
            "frame-ancestors 'none'",
            "cache-control: no-store",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
        assert!(!head.contains("unsafe-inline") && !head.contains("unsafe-eval"));
    }
}

#[test]
fn no_request_names_a_path() {
    let server = Server::new();
    std::fs::write(server.runs.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(server.runs.path().parent().unwrap().join("experiment.toml"), "secret")
        .unwrap_or_default();
    let attempts = "
        /../secret.txt /..%2fsecret.txt /%2e%2e/secret.txt /%2e%2e%2fsecret.txt
        /..%252fsecret.txt /..%5csecret.txt /..;/secret.txt /assets/..;/..;/secret.txt
        //etc/passwd /etc/passwd /%00 /main.js%00.html
        /api/runs/.. /api/runs/../secret.txt /api/runs/%2e%2e /api/runs/..%2f..
        /api/runs/..%252f.. /api/runs/. /api/runs/%2e /api/runs/..%5c..
        /api/runs/done%2f..%2flive /api/runs/done%00 /api/runs/%2fetc /api/runs/done;x
        /api/runs/..%2fdone/events /api/runs/%2e%2e%2f%2e%2e%2fetc%2fpasswd/events
        /api/runs/%c0%ae%c0%ae/events /api/runs/%ff /api/runs/..;/events /api/runs/done/../live";
    for path in attempts.split_whitespace() {
        let answer = server.get(path);
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("secret") && !answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn a_body_that_is_too_large_is_not_read() {
    let server = Server::new();
    assert_eq!(server.post("/api/runs/live/commands", &vec![b' '; 1 << 17]).status, 413);
    assert_eq!(server.post("/api/runs/done/activations", &vec![0; 1 << 17]).status, 413);
    // One that is only announced is refused before it arrives.
    let head = format!(
        "POST /api/runs/live/commands HTTP/1.1\r\n{}Content-Length: 1000000000000\r\n\r\n",
        server.headers_of_page()
    );
    assert_eq!(send(server.studio.address(), head.as_bytes()).status, 413);
    // And a head that never ends.
    let endless =
        format!("GET / HTTP/1.1\r\n{}X: {}\r\n\r\n", server.headers(), "x".repeat(1 << 20));
    assert!([0, 400, 431].contains(&send(server.studio.address(), endless.as_bytes()).status));
    assert_eq!(server.get("/api/runs").status, 200);
}

#[test]
fn slow_clients_are_disconnected_and_others_are_answered_meanwhile() {
    let [head, answer] = [1, 2].map(Duration::from_secs);
    let server = Server::with_timeouts(Timeouts { head, answer, ..Timeouts::default() });
    let address = server.studio.address();
    let begin = Instant::now();
    let mut slow: Vec<_> = (0..50).map(|_| connect(address)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0").unwrap();
    }
    // A body that never arrives has a limit too.
    let mut incomplete = connect(address);
    let head = format!(
        "POST /api/runs/live/commands HTTP/1.1\r\n{}Content-Length: 10\r\n\r\n{{",
        server.headers_of_page()
    );
    incomplete.write_all(head.as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(server.get("/api/runs").status, 200);
        // They continue, a letter at a time.
        slow.iter_mut().for_each(|stream| drop(stream.write_all(b".")));
        std::thread::sleep(Duration::from_millis(100));
    }
    // Reading ends only when the server closes the connection: `connect` would give up after 30 seconds.
    slow.push(incomplete);
    for stream in &mut slow {
        let end = stream.read_to_end(&mut Vec::new());
        let is_timeout =
            |error: &Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!end.is_err_and(|error| is_timeout(&error)), "{:?}", begin.elapsed());
    }
}

#[test]
fn viewers_see_everything_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (run, link) = gradus_studio::live(&folder.path().join("live"));
    write_run(&folder.path().join("live"), &started());
    let studio = serve("0.0.0.0:0", folder.path(), Some(run), Timeouts::default(), vec![]);
    let port = studio.address().port();
    let viewer = studio.viewer_link().expect("others can reach it");
    let token = viewer.split_once("token=").unwrap().1;
    assert_ne!(viewer, studio.link());
    let local = ([127, 0, 0, 1], port).into();
    let ask = |first: &str, body: &[u8], host: &str| {
        let host = format!("Host: {host}:{port}\r\nOrigin: http://{host}:{port}\r\n");
        request(local, first, &format!("{host}Authorization: Bearer {token}\r\n"), body)
    };
    let about = ask("GET /api/runs/live", &[], "127.0.0.1");
    assert_eq!(about.json()["can_control"], false);
    assert_eq!(ask("POST /api/runs/live/commands", PAUSE, "127.0.0.1").status, 403);
    assert_eq!(link.command(false), None);
    // Whoever began the run and follows the link for viewers sees what they see.
    let owner = studio.link().split_once("token=").unwrap().1.to_owned();
    let get = |query: &str, cookie: &str| {
        let headers = format!("Host: 127.0.0.1:{port}\r\nCookie: gradus-{port}={cookie}\r\n");
        request(local, &format!("GET /api/runs/live{query}"), &headers, &[]).json()["can_control"]
            .clone()
    };
    assert_eq!(get("", &owner), true);
    assert_eq!(get(&format!("?token={token}"), &owner), false);
    assert_eq!(get(&format!("?token={owner}"), token), true);
    // An open address answers to addresses, not to names that strangers make up.
    assert_eq!(ask("GET /api/runs", &[], "evil.example").status, 403);
    assert!(Server::new().studio.viewer_link().is_none(), "no other machine can connect");
}
