//! Data that is dropped on a page.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, thread};

use events::Command;
use gradus_studio::{DataTrainer, Timeouts, Uploads};

use crate::made_up::{Answer, Server, exchange, request, started, step, write_run};

/// Takes every file but empty ones, and trains the run `dropped` until it is stopped.
#[derive(Debug)]
struct TestTrainer {
    runs: PathBuf,
    commands: Mutex<Vec<Command>>,
}

impl DataTrainer for TestTrainer {
    fn begin(&self, data: &Path) -> Result<PathBuf, String> {
        let text = fs::read_to_string(data).map_err(|error| error.to_string())?;
        if text.is_empty() {
            return Err("expected rows, found none".to_owned());
        }
        fs::write(self.runs.join("taken"), text).map_err(|error| error.to_string())?;
        Ok(self.runs.join("table-1"))
    }

    fn resume(&self, run: &Path) -> Result<(), String> {
        match run.ends_with("killed") {
            true => fs::write(self.runs.join("resumed"), "").map_err(|error| error.to_string()),
            false => Err("all steps are done".to_owned()),
        }
    }

    fn trains(&self, run: &Path) -> bool {
        run == self.runs.join("dropped")
    }

    fn failure(&self, run: &Path) -> Option<String> {
        run.ends_with("killed").then(|| "rows.csv: not found".to_owned())
    }

    fn send(&self, run: &Path, command: Command) -> Option<bool> {
        self.trains(run).then(|| {
            let mut commands = self.commands.lock().unwrap();
            let has_ended = commands.contains(&Command::Stop);
            commands.push(command);
            !has_ended
        })
    }
}

pub(crate) fn kept_uploads(runs: &Path) -> Uploads {
    let trainer = Box::new(TestTrainer { runs: runs.to_owned(), commands: Mutex::default() });
    Uploads { folder: runs.join("uploads"), trainer }
}

/// Posts a file as a page of this server does, with the token of the owner or of a viewer.
fn post(server: &Server, target: &str, token: &str, body: &[u8]) -> Answer {
    let port = server.port();
    let headers = format!(
        "Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    );
    request(([127, 0, 0, 1], port).into(), &format!("POST {target}"), &headers, body)
}

/// The names of what is kept.
fn kept(server: &Server) -> Vec<String> {
    let entries = fs::read_dir(server.runs.path().join("uploads"));
    let names = entries.into_iter().flatten().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_of_the_owner_is_kept_and_trained_on() {
    let server = Server::new();
    assert_eq!(server.get("/api/runs").json()["takes_data"], true);
    // Larger than any other body.
    let text = "x,y\n".repeat(200_000);
    let answer = post(&server, "/api/data?name=my%20table.csv", &server.token(), text.as_bytes());
    assert_eq!((answer.status, answer.text()), (200, r#"{"run":"table-1"}"#.to_owned()));
    assert_eq!(kept(&server), ["my table.csv"]);
    assert_eq!(fs::read_to_string(server.run("taken")).unwrap(), text);
    post(&server, "/api/data?name=my%20table.csv", &server.token(), b"other");
    assert_eq!(kept(&server), ["my table-2.csv", "my table.csv"]);
}

#[test]
fn commands_reach_the_run_that_trains_on_sent_data() {
    let server = Server::new();
    write_run(&server.run("dropped"), &(started() + &step(1)));
    let about = |run: &str| server.get(&format!("/api/runs/{run}")).json();
    assert_eq!(
        (&about("dropped")["can_control"], &about("dropped")["is_live"]),
        (&true.into(), &false.into())
    );
    assert_eq!(about("done")["can_control"], false);
    assert_eq!(server.post("/api/runs/done/commands", br#"{"command":"stop"}"#).status, 409);
    let send = |body: &str| server.post("/api/runs/dropped/commands", body.as_bytes()).status;
    assert_eq!(send(r#"{"command":"pause"}"#), 202);
    assert_eq!(send(r#"{"command":"halt"}"#), 400);
    assert_eq!(send(r#"{"command":"stop"}"#), 202);
    assert_eq!(send(r#"{"command":"pause"}"#), 409, "it has ended");
}

#[test]
fn what_cannot_be_trained_on_is_said_and_not_kept() {
    let server = Server::new();
    let answer = post(&server, "/api/data?name=empty.csv", &server.token(), b"");
    assert_eq!(answer.json()["problem"], "expected rows, found none");
    for name in ["..%2Fescape.csv", ".hidden", "%2Fetc%2Fpasswd", "a%00b", ""] {
        let answer = post(&server, &format!("/api/data?name={name}"), &server.token(), b"x");
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    // A client that leaves before the end leaves nothing behind.
    let head = format!(
        "POST /api/data?name=half.csv HTTP/1.1\r\n{}Content-Length: 1000\r\n\r\nhalf",
        server.headers_of_page()
    );
    exchange(server.studio.address(), head.as_bytes(), true);
    let until = Instant::now() + Duration::from_secs(10);
    while !kept(&server).is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(kept(&server).is_empty(), "{:?}", kept(&server));
}

#[test]
fn others_than_the_owner_send_nothing() {
    let server = Server::at("0.0.0.0:0", Timeouts::default(), Vec::new());
    let link = server.studio.viewer_link().unwrap();
    let viewer = link.split_once("token=").unwrap().1;
    assert_eq!(post(&server, "/api/data?name=t.csv", viewer, b"x").status, 403);
    assert_eq!(post(&server, "/api/data?name=t.csv", "none", b"x").status, 401);
    write_run(&server.run("dropped"), &(started() + &step(1)));
    let stop = br#"{"command":"stop"}"#;
    assert_eq!(post(&server, "/api/runs/dropped/commands", viewer, stop).status, 403);
    let foreign = server.headers() + "Origin: http://evil.example\r\n";
    let address = ([127, 0, 0, 1], server.port()).into();
    assert_eq!(request(address, "POST /api/data?name=t.csv", &foreign, b"x").status, 403);
    assert!(kept(&server).is_empty());
}

#[test]
fn a_run_that_was_killed_is_listed_with_what_continues_it_and_the_owner_may() {
    let server = Server::at("0.0.0.0:0", Timeouts::default(), vec![]);
    let killed = server.run("killed");
    write_run(&killed, &(started() + &step(1)));
    fs::write(killed.join("checkpoints/step-000000.safetensors"), "").unwrap();
    let old = fs::File::options().append(true).open(killed.join("events.jsonl")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let row = |token: &str| {
        let port = server.port();
        let headers = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n");
        let list = request(([127, 0, 0, 1], port).into(), "GET /api/runs", &headers, &[]).json();
        let rows = list["runs"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["id"] == "killed").unwrap()
    };
    let viewer = server.studio.viewer_link().unwrap();
    let viewer = viewer.split_once("token=").unwrap().1;
    assert_eq!((&row(viewer)["state"], row(viewer).get("resume")), (&"crashed".into(), None));
    let command = format!("gradus train --resume {}", killed.display());
    assert_eq!(row(&server.token())["resume"], command);
    assert_eq!(row(&server.token())["problem"], "rows.csv: not found");
    let resume = |id: &str, token: &str| {
        let answer = post(&server, &format!("/api/runs/{id}/resume"), token, b"");
        (answer.status, answer.text())
    };
    assert_eq!(resume("killed", viewer).0, 403);
    assert!(!server.run("resumed").exists());
    assert_eq!(resume("killed", &server.token()).0, 202);
    assert!(server.run("resumed").exists());
    assert_eq!(resume("done", &server.token()), (409, "all steps are done\n".to_owned()));
    assert_eq!(resume("missing", &server.token()).0, 404);
}
