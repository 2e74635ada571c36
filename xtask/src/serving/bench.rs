//! Requests a second and their latency, beside FastAPI with onnxruntime.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use diagnostics::table;

use super::models::{CLASSES, table_body, train_digits, train_table};
use super::served::ServedModels;
use super::{TOKEN, wait_for};
use crate::binary::{self, Profile};
use crate::table::{median, replaced, short};
use crate::{machine, process, python};

/// The page with the table, and what stands before that.
const PAGE: &str = "docs/serve.md";
const MARK: &str = "<!-- bench-serve -->\n";
/// Clients at the same time.
const CLIENTS: [usize; 3] = [1, 8, 64];

/// Duration and binary of the measurement.
#[derive(clap::Args)]
pub(crate) struct BenchServeArgs {
    /// The binary that is measured [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// Runs for each server and number of clients; the median counts.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,

    /// Duration of a run in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    seconds: NonZeroUsize,
}

/// A kind of request to both servers.
struct Workload {
    name: &'static str,
    about: &'static str,
    body: String,
    urls: [String; 2],
}

/// What the load tool measured.
#[derive(Clone, Copy)]
struct Load {
    per_second: f64,
    p99_millis: f64,
}

/// Another server, of which all processes are killed when this is dropped.
struct FastApi(Child);

impl Drop for FastApi {
    fn drop(&mut self) {
        // Its workers end with it.
        let _ = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Measures both servers and writes the table.
///
/// # Errors
///
/// If a server or the load tool fails.
pub(crate) fn bench(args: &BenchServeArgs) -> anyhow::Result<()> {
    ensure!(process::is_installed("wrk"), "wrk is missing: apt install wrk");
    let binary = binary::named_or_built(args.binary.as_deref(), Profile::Release)?;
    let folder = tempfile::tempdir()?;
    let requirements = format!("{}/requirements.txt", super::FOLDER);
    let python = python::environment(&process::cache("serve")?, &requirements)?;
    let runs = [train_table(&binary, folder.path(), 1)?, train_digits(&binary, folder.path())?];
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let peers = [
        FastApi::start(&python, &export(&binary, &runs[0])?, &CLASSES.join(","))?,
        FastApi::start(&python, &export(&binary, &runs[1])?, &digits.join(","))?,
    ];
    let models = [("table", &*runs[0]), ("digits", &*runs[1])];
    let served = ServedModels::start(&binary, "127.0.0.1:0", &models)?;
    let pixels: Vec<String> = (0..784).map(|i| (i * 37 % 256).to_string()).collect();
    let own = |name: &str| format!("http://{}/v1/models/{name}/predict", served.address);
    let workloads = [
        Workload {
            name: "table",
            about: "a row of 8 numbers by name, 8-64-32-3",
            body: table_body(1),
            urls: [own("table"), format!("http://{}/table", peers[0].1)],
        },
        Workload {
            name: "digits",
            about: "a list of 784 numbers, 784-50-10",
            body: format!("{{\"rows\":[[{}]]}}", pixels.join(",")),
            urls: [own("digits"), format!("http://{}/digits", peers[1].1)],
        },
    ];
    let headings = [
        "<request",
        ">clients",
        ">requests/s",
        ">p99 ms",
        ">FastAPI requests/s",
        ">p99 ms",
        ">ratio",
    ];
    let mut rows = Vec::new();
    for workload in &workloads {
        println!("{}: {}", workload.name, workload.about);
        let script = folder.path().join(format!("{}.lua", workload.name));
        fs::write(&script, lua(&workload.body))?;
        for clients in CLIENTS {
            let mut loads = [Vec::new(), Vec::new()];
            // Before the first round both warm up.
            for round in 0..=args.rounds.get() {
                let seconds = if round == 0 { 1 } else { args.seconds.get() };
                for (url, loads) in workload.urls.iter().zip(&mut loads) {
                    let load = load(&script, url, clients, seconds)?;
                    if round > 0 {
                        loads.push(load);
                    }
                }
            }
            let [own, peer] = loads.map(|loads| Load::median(&loads));
            rows.push(vec![
                workload.name.to_owned(),
                clients.to_string(),
                format!("{:.0}", own.per_second),
                short(own.p99_millis),
                format!("{:.0}", peer.per_second),
                short(peer.p99_millis),
                format!("{:.1}", own.per_second / peer.per_second),
            ]);
        }
    }
    let mut text = Vec::new();
    table::write(&mut text, headings, &rows)?;
    println!("{}", String::from_utf8(text)?);
    let page = fs::read_to_string(PAGE)?;
    let head = "| request | clients | requests/s | p99 ms | FastAPI: requests/s | p99 ms | ratio |\n|---|---|---|---|---|---|---|";
    let lines: Vec<_> = rows.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    let table = format!("{}\n\n{head}\n{}\n", machine::name(), lines.join("\n"));
    fs::write(PAGE, replaced(&page, MARK, &table)?)?;
    Ok(())
}

impl Load {
    fn median(loads: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| {
            median(&loads.iter().map(value).collect::<Vec<_>>()).expect("one round or more")
        };
        Self { per_second: of(|load| load.per_second), p99_millis: of(|load| load.p99_millis) }
    }
}

/// The network of a run as ONNX.
fn export(binary: &Path, run: &Path) -> anyhow::Result<PathBuf> {
    let file = run.with_extension("onnx");
    let mut command = Command::new(binary);
    command.arg("export").arg(run).arg("--onnx").arg(&file);
    command.args(["--image-layout", "channels-last"]);
    process::read(&mut command)?;
    Ok(file)
}

impl FastApi {
    /// FastAPI with a process for each core.
    fn start(python: &str, model: &Path, classes: &str) -> anyhow::Result<(Self, SocketAddr)> {
        // Free at this moment: no other program on this machine looks for one meanwhile.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        drop(listener);
        let mut command = Command::new(python);
        command.args(["-m", "uvicorn", "fastapi_app:app", "--app-dir", super::FOLDER]);
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--workers", "2", "--log-level", "warning", "--no-access-log"]);
        command.env("MODEL", model).env("CLASSES", classes).stdin(Stdio::null());
        let peer = Self(command.spawn()?);
        wait_for(address)?;
        Ok((peer, address))
    }
}

/// What the load tool sends.
fn lua(body: &str) -> String {
    format!(
        "wrk.method = \"POST\"\nwrk.body = [=[{body}]=]\nwrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Authorization\"] = \"Bearer {TOKEN}\"\n"
    )
}

fn load(script: &Path, url: &str, clients: usize, seconds: usize) -> anyhow::Result<Load> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency", "--connections", &clients.to_string()]);
    command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(script).arg(url);
    let text = process::read(&mut command)?;
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{url}: {text}");
    let value = |start: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start));
        line.map(|line| line.trim().to_owned()).with_context(|| format!("no {start}: {text}"))
    };
    let per_second = value("Requests/sec:")?.parse()?;
    let p99 = value("99%")?;
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3)];
    let millis = units
        .iter()
        .find_map(|(unit, millis)| Some(p99.strip_suffix(unit)?.parse::<f64>().ok()? * millis));
    Ok(Load { per_second, p99_millis: millis.with_context(|| p99.clone())? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stands_in_the_script_as_it_is() {
        let body = table_body(3);
        assert!(lua(&body).contains(&format!("wrk.body = [=[{body}]=]\n")));
    }
}
