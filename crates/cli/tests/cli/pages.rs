//! Pages: the link that is printed, and how a program that serves ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStderr, Command};
use std::time::{Duration, Instant};

use gradus::runs::SavedModel;

use crate::sandbox::{Ran, Running, Sandbox};

/// A started program that serves.
struct Served {
    program: Running,
    /// What it says after its link.
    err: BufReader<ChildStderr>,
    link: String,
}

impl Served {
    fn start(sandbox: &Sandbox, line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        Self::start_command(&mut sandbox.command(&words))
    }

    fn start_command(command: &mut Command) -> Self {
        let mut program = Running(command.spawn().unwrap());
        let err = BufReader::new(program.0.stderr.take().unwrap());
        let mut served = Self { program, err, link: String::new() };
        while served.link.is_empty() {
            let mut said = String::new();
            assert!(served.err.read_line(&mut said).unwrap() > 0, "no link");
            served.link = said.strip_prefix("page ").unwrap_or_default().trim().to_owned();
        }
        served
    }

    fn interrupt(&mut self) -> Ran {
        self.program.signal("-TERM");
        self.program.end()
    }
}

/// What the server answers to a request with the token of the link.
fn get(link: &str, path: &str) -> String {
    answer(link, "GET", path)
}

fn answer(link: &str, method: &str, path: &str) -> String {
    let (address, token) = link.strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_live_run_is_shown_and_its_page_stays_until_it_is_interrupted() {
    let sandbox = Sandbox::new();
    let line = "train tiny.toml --run here/first --live --addr 127.0.0.1:0 --json";
    let mut served = Served::start(&sandbox, line);
    let mut said = String::new();
    while !said.contains("serving until Ctrl-C") {
        assert!(served.err.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let runs = get(&served.link, "/api/runs");
    assert!(runs.contains(r#""live":"first""#) && runs.contains(r#""state":"finished""#), "{runs}");
    let events = get(&served.link, "/api/runs/first/events");
    assert!(events.contains("run_started") && events.contains("run_finished"), "{events}");
    assert!(!sandbox.read("here/first/events.jsonl").contains("token"));
    // It had ended: the interruption is of the page only.
    let ran = served.interrupt();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains(r#""steps":5"#), "{ran:?}");
}

#[test]
fn a_studio_shows_runs_and_ends_when_it_is_interrupted() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml");
    let mut served = Served::start(&sandbox, "studio --addr :0");
    assert!(get(&served.link, "/api/runs").contains(r#""id":"tiny-1""#));
    assert_eq!(served.interrupt().code, Some(0));
}

#[test]
fn a_run_that_was_killed_continues_from_its_page_which_says_why_it_cannot() {
    let sandbox = Sandbox::new();
    let train = "train tiny.toml --steps 20000 --set train.checkpoint_every=500 --run";
    sandbox.succeeds(&format!("{train} whole"));
    let words = format!("{train} runs/killed");
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut killed = Running(sandbox.command(&words).spawn().unwrap());
    while !sandbox.path("runs/killed/checkpoints/step-000500.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.signal("-KILL");
    assert_eq!(killed.end().code, None);
    let served = Served::start(&sandbox, "studio runs --addr :0");
    let has = |text: &str| get(&served.link, "/api/runs").contains(text);
    let list = get(&served.link, "/api/runs");
    assert!(list.contains(r#""state":"crashed""#), "{list}");
    assert!(list.contains("gradus train --resume "), "{list}");

    std::fs::rename(sandbox.path("train-images"), sandbox.path("elsewhere")).unwrap();
    let refused = answer(&served.link, "POST", "/api/runs/killed/resume");
    assert!(refused.starts_with("HTTP/1.1 409 "), "{refused}");
    assert!(refused.contains("\r\n\r\ntrain-images: "), "{refused}");
    assert!(has(r#""problem":"train-images: "#));

    std::fs::rename(sandbox.path("elsewhere"), sandbox.path("train-images")).unwrap();
    let accepted = answer(&served.link, "POST", "/api/runs/killed/resume");
    assert!(accepted.starts_with("HTTP/1.1 202 "), "{accepted}");
    let begin = Instant::now();
    while !has(r#""state":"finished""#) {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", get(&served.link, "/api/runs"));
        std::thread::sleep(Duration::from_millis(50));
    }
    let digest = |run| SavedModel::read(sandbox.path(run)).unwrap().weights_digest();
    assert_eq!(digest("runs/killed"), digest("whole"));
}

#[test]
#[cfg(target_os = "linux")]
fn the_page_is_opened_in_the_browser_that_the_system_names() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let script = "#!/bin/sh\nprintf %s \"$1\" > opened.part && mv opened.part opened\n";
    sandbox.write("browser", script);
    let browser = sandbox.path("browser");
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).unwrap();
    let words = ["train", "tiny.toml", "--live", "--open", "--addr", ":0"];
    let served = Served::start_command(sandbox.command(&words).env("BROWSER", browser));
    let begin = Instant::now();
    while !sandbox.path("opened").exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "no browser was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Every user of the machine sees the arguments of a command: the link opens the page once, without the token in it.
    let (address, token) = served.link.split_once("/?token=").unwrap();
    let opened = sandbox.read("opened");
    assert!(opened.starts_with(&format!("{address}/?code=")), "{opened}");
    assert!(!opened.contains(token), "{opened}");
}

#[test]
fn a_port_in_use_and_a_folder_that_is_not_there_are_said() {
    let sandbox = Sandbox::new();
    let served = Served::start(&sandbox, "studio --addr 127.0.0.1:0");
    let address = served.link.strip_prefix("http://").unwrap().split_once('/').unwrap().0;
    let error = sandbox.refused(&format!("studio --addr {address}"));
    let expected = format!("{address}: another program listens there; --addr 127.0.0.1:");
    assert!(error.starts_with(&expected) && error.ends_with(" is free\n"), "{error}");
    let error = sandbox.refused("studio nowhere");
    assert_eq!(error, "nowhere: expected a directory with runs, found none\n");
    // Nothing was trained for a page that could not be served.
    sandbox.refused(&format!("train tiny.toml --live --addr {address}"));
    assert!(sandbox.list("runs").is_empty());
}

#[test]
fn a_report_is_one_file_that_asks_nobody_for_anything() {
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml");
    let ran =
        sandbox.succeeds("report runs/tiny-1 --html page.html --svg panels.svg --png panels.png");
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    let page = sandbox.read("page.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("run_finished"));
    for outside in ["src=\"http", "href=\"http", "url(http", "import \"http", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let svg = sandbox.read("panels.svg");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    // The curves, and the pictures of the batch and of the test set.
    assert!(svg.contains("<polyline") && svg.matches("<image").count() == 2, "{svg}");
    assert!(std::fs::read(sandbox.path("panels.png")).unwrap().starts_with(b"\x89PNG"));
    // A run that was cut short has a report too, and a directory that is not a run is refused.
    let log = sandbox.read("runs/tiny-1/events.jsonl");
    sandbox.write("runs/tiny-1/events.jsonl", &log[..log.len() / 2]);
    sandbox.succeeds("report runs/tiny-1 --html cut.html --svg cut.svg");
    let error = sandbox.refused("report nowhere --html page.html");
    assert!(error.starts_with("nowhere: events.jsonl: "), "{error}");
    sandbox.refused("report runs/tiny-1");
}
