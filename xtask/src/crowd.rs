//! `cargo xtask crowd`: the pages of a run in training before a crowd, part of which means harm.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gradus::kernels::random::Stream;

use crate::binary::{self, Profile};
use crate::{large_data, machine, process};

/// Streams that viewers open, of which every second one never reads.
const STREAMS: usize = 256;
/// Connections without a token that send requests and read no answer.
const STRANGERS: usize = 512;
const MALFORMED: usize = 10_000;
/// Commands of the owner, and how many of them may be answered late.
const COMMANDS: usize = 100;
const MOST_LATE: usize = 1;
const IN_TIME: Duration = Duration::from_secs(1);
/// What the threads of the server may take, as a share of what the others take.
const MOST_SHARE: f64 = 0.05;

/// Which binary.
#[derive(clap::Args)]
pub(crate) struct CrowdArgs {
    /// The binary that is tested [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Serves a run in training to viewers, to connections that never read and to malformed requests, and sends commands.
///
/// # Errors
///
/// If commands are answered late, or the server takes too much of the processor.
pub(crate) fn run(args: &CrowdArgs) -> anyhow::Result<()> {
    let binary = binary::named_or_built(args.binary.as_deref(), Profile::Release)?;
    let scratch = tempfile::tempdir()?;
    let served = Served::start(&binary, scratch.path())?;
    let before = large_data::peak_mb(served.child.id())?;
    let cpu_before = cpu_seconds(served.child.id())?;
    let is_over = AtomicBool::new(false);
    let n_malformed = AtomicUsize::new(0);
    let begin = Instant::now();
    let latencies = thread::scope(|scope| {
        scope.spawn(|| watch(&served, &is_over));
        scope.spawn(|| hold(&served, &is_over));
        scope.spawn(|| {
            while n_malformed.load(Ordering::Relaxed) < MALFORMED
                && !is_over.load(Ordering::Relaxed)
            {
                served.send_malformed(n_malformed.fetch_add(1, Ordering::Relaxed) as u64);
            }
        });
        // Until all have come.
        thread::sleep(Duration::from_secs(3));
        let latencies = served.command_all(&n_malformed);
        is_over.store(true, Ordering::Relaxed);
        latencies
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = cpu_seconds(served.child.id())?;
    let others = cpu.others - cpu_before.others;
    let server = cpu.process - cpu_before.process - others;
    let after = large_data::peak_mb(served.child.id())?;
    let late = latencies.iter().filter(|latency| **latency > IN_TIME).count();
    let longest = latencies.iter().max().copied().unwrap_or_default();
    println!("{}", machine::name());
    println!(
        "{STREAMS} streams, {STRANGERS} connections that never read, {} malformed requests, {seconds:.0} s",
        n_malformed.into_inner().min(MALFORMED)
    );
    println!(
        "{} of {COMMANDS} commands answered within a second, the last after {longest:.2?}",
        COMMANDS - late
    );
    println!("CPU: server {server:.2} s, training {others:.2} s, {:.1} %", 100.0 * server / others);
    println!("memory: {before} MB before, {after} MB at most");
    ensure!(late <= MOST_LATE, "{late} commands were answered late");
    ensure!(
        server <= MOST_SHARE * others,
        "the server takes more than {:.0} %",
        100.0 * MOST_SHARE
    );
    Ok(())
}

/// A run in training and its pages. It is killed when this is dropped.
struct Served {
    child: Child,
    run: PathBuf,
    address: SocketAddr,
    owner: String,
    viewer: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn start(binary: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let run = scratch.join("live");
        let mut command = Command::new(binary);
        command.args(["train", "conv-dropout", "--steps", "1000000000", "--live"]);
        command.args(["--addr", "0.0.0.0:0", "--run"]).arg(&run);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr")?).lines();
        let mut link = |start: &str| -> anyhow::Result<(u16, String)> {
            for line in &mut lines {
                let line = line?;
                let Some(link) = line.strip_prefix(start) else { continue };
                let (host, token) = link.trim().split_once("/?token=").context("a token")?;
                let port = host.rsplit(':').next().and_then(|port| port.parse().ok());
                return Ok((port.context("a port")?, token.to_owned()));
            }
            anyhow::bail!("no line `{start}`")
        };
        let ((port, owner), (_, viewer)) = (link("page ")?, link("read-only ")?);
        // Whoever reads no more would stop the run when the pipe is full.
        thread::spawn(move || lines.for_each(drop));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Self { child, run, address, owner, viewer })
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(stream)
    }

    fn head(&self, first: &str, token: &str, more: &str) -> String {
        let host = self.address;
        format!("{first} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
    }

    /// Sends a request that is none, of random bytes or with a part that is wrong, and reads what comes.
    fn send_malformed(&self, number: u64) {
        let mut random = Stream::new(number, 7);
        let junk: Vec<u8> = (0..random.below(300)).map(|_| random.below(256) as u8).collect();
        let bytes = match number % 4 {
            0 => junk,
            1 => [b"GET / HTTP/1.1\r\n".as_slice(), &junk, b"\r\n\r\n"].concat(),
            2 => self.head("BREW /api/runs", &self.viewer, "Connection: close\r\n").into_bytes(),
            _ => {
                let length = format!("Content-Length: {}\r\nConnection: close\r\n", junk.len());
                let head = self.head("POST /api/runs/live/commands", &self.viewer, &length);
                [head.as_bytes(), &junk].concat()
            }
        };
        if let Ok(mut stream) = self.connect() {
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }

    /// Pauses and continues the run in turn, over the time that the malformed requests take. Returns how long each answer took.
    fn command_all(&self, n_malformed: &AtomicUsize) -> anyhow::Result<Vec<Duration>> {
        let mut latencies = Vec::new();
        for number in 0..COMMANDS {
            let command = ["pause", "unpause"][number % 2];
            let body = format!("{{\"command\":\"{command}\"}}");
            let more = format!(
                "Origin: http://{}\r\nContent-Length: {}\r\nConnection: close\r\n",
                self.address,
                body.len()
            );
            let head = self.head("POST /api/runs/live/commands", &self.owner, &more);
            let begin = Instant::now();
            let mut stream = self.connect().context("the owner cannot connect")?;
            stream.write_all((head + &body).as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            latencies.push(begin.elapsed());
            ensure!(answer.starts_with("HTTP/1.1 202"), "{command}: {answer}");
            let share = MALFORMED * (number + 1) / COMMANDS;
            // A run that is paused uses no processor: it is for a moment only.
            let least = if command == "pause" { 20 } else { 150 };
            thread::sleep(Duration::from_millis(least));
            while command == "unpause" && n_malformed.load(Ordering::Relaxed) < share.min(MALFORMED)
            {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let log = fs::read_to_string(self.run.join("events.jsonl"))?;
        let n_paused = log.lines().filter(|line| line.contains("\"event\":\"paused\"")).count();
        ensure!(
            n_paused == COMMANDS / 2,
            "expected {} pauses in the log, found {n_paused}",
            COMMANDS / 2
        );
        Ok(latencies)
    }
}

/// Opens all streams of viewers, and reads every second one.
fn watch(served: &Served, is_over: &AtomicBool) {
    let head = served.head("GET /api/runs/live/events", &served.viewer, "");
    let mut streams: Vec<TcpStream> = (0..STREAMS).filter_map(|_| served.connect().ok()).collect();
    for stream in &mut streams {
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.set_nonblocking(true);
    }
    let mut buffer = vec![0; 1 << 16];
    while !is_over.load(Ordering::Relaxed) {
        for stream in streams.iter_mut().step_by(2) {
            while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Keeps connections full of requests without a token, and opens a new one for each that ends.
fn hold(served: &Served, is_over: &AtomicBool) {
    let requests = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).repeat(200);
    let connect = || {
        let stream = served.connect().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    let mut streams: Vec<Option<TcpStream>> = (0..STRANGERS).map(|_| connect()).collect();
    while !is_over.load(Ordering::Relaxed) {
        for place in &mut streams {
            let sent = place.as_mut().map(|stream| stream.write(requests.as_bytes()));
            let is_open = match sent {
                Some(Ok(_)) => true,
                Some(Err(error)) => error.kind() == ErrorKind::WouldBlock,
                None => false,
            };
            if !is_open {
                *place = connect();
            }
        }
        thread::sleep(Duration::from_millis(250));
    }
}

/// Seconds that a process has run.
struct CpuSeconds {
    /// All threads, those that have ended included: the server's readers end after some seconds.
    process: f64,
    /// The threads that are not the server's.
    others: f64,
}

fn cpu_seconds(id: u32) -> anyhow::Result<CpuSeconds> {
    let ticks: f64 = process::read(Command::new("getconf").arg("CLK_TCK"))?.trim().parse()?;
    let mut others = 0.0;
    for entry in fs::read_dir(format!("/proc/{id}/task"))? {
        let path = entry?.path();
        // One that has ended meanwhile counts nothing.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else { continue };
        let (name, of_thread) = name_and_ticks(&stat)?;
        if !name.starts_with("studio") && !name.starts_with("command") {
            others += of_thread / ticks;
        }
    }
    let (_, process) = name_and_ticks(&fs::read_to_string(format!("/proc/{id}/stat"))?)?;
    Ok(CpuSeconds { process: process / ticks, others })
}

/// The name and the ticks, user and system, of a line of `stat`.
fn name_and_ticks(stat: &str) -> anyhow::Result<(String, f64)> {
    let (start, rest) = stat.rsplit_once(')').context("stat")?;
    let name = start.split_once('(').context("stat")?.1.to_owned();
    // Of the fields after the name user time is the 12th, system time the 13th.
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let times = [11, 12].map(|at| fields.get(at).and_then(|field| field.parse::<f64>().ok()));
    Ok((name, times.into_iter().flatten().sum()))
}
