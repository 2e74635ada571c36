//! `serve`: what is answered, how it ends, and what is refused.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::ChildStderr;

use crate::sandbox::{Running, Sandbox};

/// Sixteen pixels of the class 1.
const BODY: &str = "{\"rows\":[[100,100,100,100,100,100,100,100,100,100,100,100,100,100,100,100]]}";

/// A program that serves predictions.
struct Serving {
    program: Running,
    /// What it says after its token.
    _err: BufReader<ChildStderr>,
    /// What it said.
    said: String,
    address: String,
}

impl Serving {
    /// Starts it, and waits until it has said a line with `last`.
    fn start(sandbox: &Sandbox, line: &str, token: Option<&str>, last: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut command = sandbox.command(&words);
        command.env_remove("GRADUS_TOKEN").envs(token.map(|token| ("GRADUS_TOKEN", token)));
        let mut program = Running(command.spawn().unwrap());
        let mut err = BufReader::new(program.0.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(last) {
            assert!(err.read_line(&mut said).unwrap() > 0, "{said}");
        }
        let address = said.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { program, _err: err, said, address }
    }

    fn ask(&self, token: &str) -> String {
        let (address, length) = (&self.address, BODY.len());
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /v1/predict HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{BODY}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml --run runs/tiny");
    sandbox
}

#[test]
fn a_run_is_served_under_its_name_until_sigterm() {
    let sandbox = trained();
    let mut serving =
        Serving::start(&sandbox, "serve runs/tiny --addr 127.0.0.1:0", None, "serving until");
    let said = |start: &str| {
        let found = serving.said.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no {start} in {}", serving.said)).trim().to_owned()
    };
    assert_eq!(said("tiny "), format!("http://{}/v1/models/tiny/predict", serving.address));
    let token = said("token ");
    assert_eq!(said("page "), format!("http://{}/#token={token}", serving.address));
    let answer = serving.ask(&token);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("{\"model\":\"tiny\",\"predictions\":[{\"predicted\":\""), "{answer}");
    assert!(serving.ask("another").starts_with("HTTP/1.1 401 "));
    serving.program.signal("-TERM");
    let ran = serving.program.end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_given_token_is_not_shown_and_none_is_needed_with_no_token() {
    let sandbox = trained();
    let token = "0123456789abcdef-";
    sandbox.write("token", format!("{token}\n"));
    let line = "serve tiny=runs/tiny/checkpoints/last.safetensors --addr :0";
    let end = "serving until";
    for serving in [
        Serving::start(&sandbox, line, Some(token), end),
        Serving::start(&sandbox, &format!("{line} --token-file token"), Some("other"), end),
    ] {
        assert!(!serving.said.contains(token), "{}", serving.said);
        assert!(serving.ask(token).starts_with("HTTP/1.1 200 "));
        assert!(serving.ask("other").starts_with("HTTP/1.1 401 "));
    }
    let open = Serving::start(&sandbox, &format!("{line} --no-token"), Some(token), end);
    assert!(open.ask("anything").starts_with("HTTP/1.1 200 "));
}

#[test]
fn what_cannot_be_served_is_refused() {
    let sandbox = trained();
    sandbox.write("short", "0123456789abcde");
    for (line, parts) in [
        ("serve", &["<MODEL>"][..]),
        ("serve runs/none", &["runs/none"]),
        ("serve tiny.toml", &["tiny.toml"]),
        ("serve runs/tiny tiny=runs/tiny", &["called `tiny` as runs/tiny; name one of them"]),
        ("serve runs/tiny --token-file short", &["short: expected a token of at least 16"]),
        ("serve runs/tiny --token-file missing", &["missing"]),
        ("serve runs/tiny --token-file short --no-token", &["--no-token"]),
        ("serve runs/tiny --addr nowhere.invalid:1", &["expected an address of this machine"]),
        ("serve runs/tiny --max-batch 0", &["--max-batch"]),
    ] {
        let ran = sandbox.line(line);
        assert_eq!(ran.code, Some(2), "{line}: {ran:?}");
        ran.tells(parts);
    }
}
