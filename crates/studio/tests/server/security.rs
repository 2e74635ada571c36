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
    let token = format!("Authorization: Bearer {}", server.token());
    let with = |host: String| raw(&server, "GET", "/api/runs", &[host, token.clone()]);
    // A tunnel has another port at its other end, and one name was allowed.
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "gradus.example"] {
        for host in [format!("{host}:{port}"), format!("{host}:9000"), host.to_owned()] {
            assert_eq!(with(format!("Host: {host}")), 200, "{host}");
        }
    }
    let names =
        "evil.example 127.0.0.1.evil.example localhost. evil@127.0.0.1 127.1 2130706433 0.0.0.0";
    let foreign = names.split(' ').map(|name| format!("{name}:{port}"));
    let two = format!("127.0.0.1:{port}, evil.example");
    for host in foreign.chain([two, String::new()]) {
        let status = with(format!("Host: {host}"));
        assert!((400..500).contains(&status), "{host}: {status}");
    }
    assert_eq!(with("X-Host: none".into()), 403);
    let evil = format!("Host: evil.example:{port}\r\n{token}\r\n");
    let answer = request(server.studio.address(), "GET /api/runs", &evil, &[]);
    let expected = "Host: evil.example is not a name of this server; `--allow-host evil.example` makes it one\n";
    assert_eq!((answer.status, &*answer.text()), (403, expected));
    // Two hosts, or another one in the request line.
    let two = [format!("Host: 127.0.0.1:{port}"), "Host: evil.example".into(), token.clone()];
    assert!((400..500).contains(&raw(&server, "GET", "/api/runs", &two)));
    let good = [format!("Host: 127.0.0.1:{port}"), token.clone()];
    assert_eq!(raw(&server, "GET", &format!("http://evil.example:{port}/api/runs"), &good), 403);
    // A proxy's word for the host counts nothing.
    let forwarded = [
        format!("Host: evil.example:{port}"),
        format!("X-Forwarded-Host: 127.0.0.1:{port}"),
        token,
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
    // Other ports of this machine are others, and so is another name of it.
    for origin in ["http://127.0.0.1:9000".to_owned(), format!("http://localhost:{port}")] {
        assert_eq!(with("POST", commands, Some(origin.clone())), 403, "{origin}");
        assert_eq!(with("GET", "/api/runs", Some(origin)), 403);
    }
    let form = with("POST", commands, None);
    assert_eq!(form, 403, "a form of another page needs no origin to be sent");
    assert_eq!(server.link.command(false), None);
    assert_eq!(with("POST", commands, Some(format!("http://127.0.0.1:{port}"))), 202);
    // Through a proxy that encrypts, and through a tunnel.
    assert_eq!(with("POST", commands, Some(format!("https://127.0.0.1:{port}"))), 202);
    let of_tunnel = [
        "Host: localhost:9000".to_owned(),
        "Origin: http://localhost:9000".to_owned(),
        format!("Authorization: Bearer {}", server.token()),
    ];
    assert_eq!(raw(&server, "POST", commands, &of_tunnel), 202);
    // No page of others may read an answer, whatever it sends.
    let answer = server.get("/api/runs");
    assert!(!answer.head.to_ascii_lowercase().contains("access-control-allow"), "{}", answer.head);
    assert!((400..500).contains(&with("OPTIONS", commands, Some("http://evil.example".into()))));
}

/// The secret in the cookie that a link sets, which no script can read and no page of another host can send.
fn cookie_of(server: &Server, token: &str) -> String {
    let port = server.port();
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    let answer = request(server.studio.address(), &format!("GET /?token={token}"), &host, &[]);
    let start = format!("set-cookie: gradus-{port}=");
    let cookie = answer.head.lines().find_map(|line| line.strip_prefix(&*start)).expect("a cookie");
    let secret = cookie.strip_suffix("; Path=/; HttpOnly; SameSite=Strict").expect("for us alone");
    assert_eq!((answer.status, secret.len()), (200, token.len()));
    secret.to_owned()
}

#[test]
fn the_cookie_of_the_owner_shows_and_changes_nothing() {
    // Whoever serves another port of this machine receives it.
    let server = Server::new();
    let port = server.port();
    let cookie = format!("Cookie: gradus-{port}={}", cookie_of(&server, &server.token()));
    let headers =
        format!("Host: 127.0.0.1:{port}\r\n{cookie}\r\nOrigin: http://127.0.0.1:{port}\r\n");
    let ask = |first: &str, body: &[u8]| request(server.studio.address(), first, &headers, body);
    assert_eq!(ask("GET /api/runs/live", &[]).json()["can_control"], false);
    assert_eq!(ask("GET /api/runs", &[]).json()["takes_data"], false);
    assert_eq!(ask("POST /api/runs/live/commands", PAUSE).status, 403);
    assert_eq!(ask("POST /api/data?name=x.csv", b"a,b\n1,2\n").status, 403);
    // Nor does the token where pages of others can put it.
    let in_query = format!("POST /api/runs/live/commands?token={}", server.token());
    assert_eq!(ask(&in_query, PAUSE).status, 403);
    assert_eq!(server.link.command(false), None);
    assert_eq!(server.get("/api/runs/live").json()["can_control"], true);
}

#[test]
fn the_link_for_the_browser_counts_once_and_holds_no_token() {
    let server = Server::new();
    let link = server.studio.browser_link().unwrap();
    assert!(!link.contains(&server.token()), "{link}");
    let host = format!("Host: 127.0.0.1:{}\r\n", server.port());
    let follow =
        |target: &str| request(server.studio.address(), &format!("GET {target}"), &host, &[]);
    let target = &link[link.find("/?").unwrap()..];
    assert_eq!(follow("/?code=").status, 401);
    let answer = follow(target);
    let expected = format!("location: /?token={}", server.token());
    assert!(answer.status == 303 && answer.head.contains(&expected), "{}", answer.head);
    let again = follow(target);
    assert_eq!((again.status, again.head.contains(&server.token())), (401, false));
}

#[test]
fn nothing_is_shown_without_the_token() {
    let server = Server::new();
    let (port, token) = (server.port(), server.token());
    let host = format!("Host: 127.0.0.1:{port}");
    let wrong = "0".repeat(token.len());
    let cookie = cookie_of(&server, &token);
    for path in ["/", "/main.js", "/api/runs", "/api/runs/done/events", "/no-such"] {
        assert_eq!(raw(&server, "GET", path, std::slice::from_ref(&host)), 401, "{path}");
    }
    for (line, status) in [
        (format!("Cookie: gradus-{port}={wrong}"), 401),
        (format!("Cookie: gradus-{port}="), 401),
        (format!("Cookie: gradus-{}={cookie}", port.wrapping_add(1)), 401),
        (format!("Cookie: gradus-{port}={}", &cookie[..cookie.len() - 1]), 401),
        (format!("Cookie: gradus-{port}={cookie}0"), 401),
        (format!("Cookie: gradus-{port}={token}"), 401),
        (format!("Authorization: Bearer {wrong}"), 401),
        (format!("Authorization: Bearer {cookie}"), 401),
        (format!("Cookie: other=1; gradus-{port}={cookie}"), 200),
        (format!("Authorization: Bearer {token}"), 200),
    ] {
        let found = raw(&server, "GET", "/api/runs", &[host.clone(), line.clone()]);
        assert_eq!(found, status, "{line}");
    }
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
    let owner = studio.link().split_once("token=").unwrap().1.to_owned();
    let get = |query: &str, token: &str| {
        let headers = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n");
        request(local, &format!("GET /api/runs/live{query}"), &headers, &[]).json()["can_control"]
            .clone()
    };
    assert_eq!(get("", &owner), true);
    assert_eq!(get("", token), false);
    // In an address it only shows.
    assert_eq!(get(&format!("?token={owner}"), token), false);
    // An open address answers to addresses, not to names that strangers make up.
    assert_eq!(ask("GET /api/runs", &[], "evil.example").status, 403);
    assert!(Server::new().studio.viewer_link().is_none(), "no other machine can connect");
}

#[test]
fn who_never_reads_loses_the_connection_and_takes_no_place_of_others() {
    let [head, answer] = [2, 1].map(Duration::from_secs);
    let server = Server::with_timeouts(Timeouts { head, answer, ..Timeouts::default() });
    let address = server.studio.address();
    let requests =
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port()).repeat(200);
    let mut unread: Vec<_> = (0..200).map(|_| connect(address)).collect();
    unread.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    for _ in 0..20 {
        for stream in &mut unread {
            // The answers fill the other direction.
            let _ = stream.write(requests.as_bytes());
        }
        let asked = Instant::now();
        assert_eq!(server.get("/api/runs").status, 200);
        assert_eq!(server.post("/api/runs/live/commands", PAUSE).status, 202);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        server.link.command(false);
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(head + answer);
    for stream in &mut unread {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // What was sent before the end may still arrive, and then the end.
        let ended = std::io::copy(stream, &mut std::io::sink());
        let is_open = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!is_open, "it takes nothing and stays");
    }
}

#[test]
fn viewers_take_no_stream_and_no_reader_of_the_owner() {
    let server = Server::at("0.0.0.0:0", Timeouts::default(), vec![]);
    let (address, port) = (([127, 0, 0, 1], server.port()).into(), server.port());
    let viewer = server.studio.viewer_link().unwrap();
    let viewer = viewer.split_once("token=").unwrap().1;
    let headers =
        |token: &str| format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n");
    let listen = |token: &str| {
        let mut stream = connect(address);
        let head = format!("GET /api/runs/live/events HTTP/1.1\r\n{}\r\n", headers(token));
        stream.write_all(head.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        (stream, first)
    };
    let of_viewers: Vec<_> = (0..256).map(|_| listen(viewer)).collect();
    assert!(of_viewers.iter().all(|(_, first)| first == b"HTTP/1.1 200"));
    assert_eq!(&listen(viewer).1, b"HTTP/1.1 503");
    assert_eq!(&listen(&server.token()).1, b"HTTP/1.1 200");
    let begin = Instant::now();
    assert_eq!(request(address, "GET /api/runs", &headers(&server.token()), &[]).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[cfg(unix)]
#[test]
fn what_others_put_beside_a_run_hides_nothing_and_holds_nothing_up() {
    use std::os::unix::fs::symlink;

    let server = Server::new();
    let pipe = |path: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    // Each in the place of a file of a run.
    let fine = started();
    for (name, file) in ["experiment.toml", "events.jsonl", "lock"].into_iter().enumerate() {
        let folder = server.run(&format!("pipe-{name}"));
        write_run(&folder, &fine);
        let _ = std::fs::remove_file(folder.join(file));
        pipe(&folder.join(file));
        let folder = server.run(&format!("device-{name}"));
        write_run(&folder, &fine);
        let _ = std::fs::remove_file(folder.join(file));
        symlink("/dev/zero", folder.join(file)).unwrap();
        let folder = server.run(&format!("sparse-{name}"));
        write_run(&folder, &fine);
        std::fs::File::create(folder.join(file)).unwrap().set_len(1 << 40).unwrap();
    }
    for name in ["pipe", "device", "sparse"] {
        let folder = server.run(&format!("model-{name}"));
        write_run(&folder, &fine);
        let last = folder.join("checkpoints/last.safetensors");
        match name {
            "pipe" => pipe(&last),
            "device" => symlink("/dev/zero", last).unwrap(),
            _ => std::fs::File::create(last).unwrap().set_len(1 << 40).unwrap(),
        }
    }
    std::fs::create_dir_all(server.run("taxes")).unwrap();
    std::fs::create_dir_all(server.run(".ssh")).unwrap();
    let begin = Instant::now();
    for _ in 0..8 {
        let list = server.get("/api/runs").json();
        let ids: Vec<_> =
            list["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
        assert!(ids.contains(&"live".into()) && ids.contains(&"pipe-0".into()), "{ids:?}");
        assert!(!ids.contains(&"taxes".into()) && !ids.contains(&".ssh".into()), "{ids:?}");
    }
    for kind in ["pipe", "device", "sparse"] {
        for run in 0..3 {
            server.get(&format!("/api/runs/{kind}-{run}"));
        }
        let path = format!("/api/runs/model-{kind}/activations?set=test&sample=0");
        assert_eq!(server.get(&path).status, 404);
    }
    assert_eq!(server.post("/api/runs/live/commands", PAUSE).status, 202);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
