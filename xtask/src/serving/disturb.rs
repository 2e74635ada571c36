//! Many requests with known answers, while the model is replaced, the server stopped and started again, and others send what is
//! none.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use gradus::kernels::random::Stream;
use gradus::runs::{Predictor, RowPrediction, SavedModel};

use super::TOKEN;
use super::models::{CLASSES, COLUMNS, row, table_body, train_table};
use super::served::ServedModels;
use crate::binary::{self, Profile};
use crate::machine;

const REQUESTS: usize = 100_000;
const MALFORMED: usize = 1_000;
const CLIENTS: usize = 16;
/// Different rows that are asked for.
const ROWS: usize = 1_000;
/// After so many answers the model is replaced, and the server is stopped.
const REPLACED_AT: usize = 40_000;
const STOPPED_AT: usize = 80_000;
/// How much a probability may differ from that of the library for one sample.
const TOLERANCE: f64 = 1e-5;

/// Which binary.
#[derive(clap::Args)]
pub(crate) struct ServeTestArgs {
    /// The binary that is tested [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What the clients share.
#[derive(Default)]
struct RequestCounts {
    /// Requests that were begun.
    begun: AtomicUsize,
    /// Right answers of each model.
    answered: [AtomicUsize; 2],
    /// Connections that nobody accepted, while the server was away.
    refused: AtomicUsize,
    malformed: AtomicUsize,
    /// What went wrong.
    wrong: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// The probabilities of each row by each of both models.
type KnownAnswers = [Vec<Vec<f64>>; 2];

/// Sends all requests, and counts what is lost or wrong.
///
/// # Errors
///
/// If anything is.
pub(crate) fn disturb(args: &ServeTestArgs) -> anyhow::Result<()> {
    let binary = binary::named_or_built(args.binary.as_deref(), Profile::Release)?;
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for seed in [1, 2] {
        let run = train_table(&binary, folder.path(), seed)?;
        files.push(run.join("checkpoints/last.safetensors"));
    }
    let known = [known_answers(&files[0])?, known_answers(&files[1])?];
    let model = folder.path().join("table.safetensors");
    fs::copy(&files[0], &model)?;
    let served = ServedModels::start(&binary, "127.0.0.1:0", &[("table", model.as_path())])?;
    let address = served.address;
    let (progress, begin) = (RequestCounts::default(), Instant::now());
    let outcome = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| progress.ask_all(address, &known));
        }
        scope.spawn(|| progress.send_malformed(address));
        let outcome = (|| {
            progress.wait_for(REPLACED_AT)?;
            let part = folder.path().join("part");
            fs::copy(&files[1], &part)?;
            fs::rename(part, &model)?;
            progress.wait_for(STOPPED_AT)?;
            let status = served.stop()?;
            ensure!(status.success(), "the server ended with {status}");
            let served =
                ServedModels::start(&binary, &address.to_string(), &[("table", model.as_path())])?;
            progress.wait_for(REQUESTS)?;
            anyhow::Ok(served)
        })();
        progress.is_over.store(true, Ordering::Relaxed);
        outcome
    });
    let wrong = progress.wrong.into_inner().expect("no client panicked");
    let [before, after] = progress.answered.map(AtomicUsize::into_inner);
    println!("{}", machine::name());
    println!(
        "{} right answers, {before} of the first model and {after} of the second, {:.0} s",
        before + after,
        begin.elapsed().as_secs_f64()
    );
    println!("{} malformed requests", progress.malformed.into_inner());
    println!("{} connections refused between stop and start", progress.refused.into_inner());
    println!("{} lost or wrong", wrong.len());
    ensure!(wrong.is_empty(), "{}", wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n"));
    ensure!(before > 0 && after > 0, "one of the models has not answered");
    outcome?.stop()?;
    Ok(())
}

/// The probabilities of all rows, sample by sample.
fn known_answers(file: &Path) -> anyhow::Result<Vec<Vec<f64>>> {
    let saved = SavedModel::read(file)?;
    let target = saved.transforms.target().context("a model of classes")?.clone();
    let position = |name: &&str| target.classes().iter().position(|class| class == name);
    let order =
        CLASSES.iter().map(position).collect::<Option<Vec<_>>>().context("three classes")?;
    let mut predictor = Predictor::new(saved, 1)?;
    let probabilities = |number: usize| {
        let row = row(number as u64);
        let cells = COLUMNS.iter().zip(&row).map(|(name, &x)| (*name, x.into()));
        match predictor.predict_row(cells)? {
            RowPrediction::Class { scores, .. } => {
                Ok(order.iter().map(|&class| scores[class]).collect())
            }
            RowPrediction::Values(_) => bail!("expected classes"),
        }
    };
    (0..ROWS).map(probabilities).collect()
}

impl RequestCounts {
    fn n_answered(&self) -> usize {
        self.answered.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Waits for so many answers, or until something is wrong.
    fn wait_for(&self, answers: usize) -> anyhow::Result<()> {
        let mut last = (Instant::now(), 0);
        while self.n_answered() < answers {
            let n = self.n_answered();
            if n > last.1 {
                last = (Instant::now(), n);
            }
            ensure!(last.0.elapsed() < super::PATIENCE, "no answer after {n}");
            ensure!(self.wrong.lock().is_ok_and(|wrong| wrong.is_empty()), "after {n} answers");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn add_wrong(&self, what: String) {
        self.wrong.lock().expect("no client panicked").push(what);
    }

    /// Takes one request after the other, each of which is sent until it is accepted.
    fn ask_all(&self, address: SocketAddr, known: &KnownAnswers) {
        let mut client = None;
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                return;
            }
            let Some(answer) = self.ask(&mut client, address, number) else { return };
            match answer.map(|answer| {
                (which(&answer.body, &known[0][number % ROWS], &known[1][number % ROWS]), answer)
            }) {
                Ok((Some(model), answer)) => {
                    self.answered[model].fetch_add(1, Ordering::Relaxed);
                    if answer.is_last {
                        client = None;
                    }
                }
                Ok((None, answer)) => self.add_wrong(format!("request {number}: {}", answer.body)),
                Err(error) => {
                    self.add_wrong(format!("request {number} was lost: {error}"));
                    client = None;
                }
            }
        }
    }

    /// The answer to a request, over the connection or a new one; none if all is over before somebody accepts it.
    fn ask(
        &self,
        client: &mut Option<Client>,
        address: SocketAddr,
        number: usize,
    ) -> Option<std::io::Result<PredictionAnswer>> {
        while client.is_none() {
            match Client::connect(address) {
                Ok(connected) => *client = Some(connected),
                Err(_) if self.is_over.load(Ordering::Relaxed) => return None,
                Err(_) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
        let body = table_body((number % ROWS) as u64);
        client.as_mut().map(|client| client.ask(address, &body))
    }

    /// Sends requests that are none, each over a connection of its own. None may be answered with a prediction.
    fn send_malformed(&self, address: SocketAddr) {
        while self.malformed.load(Ordering::Relaxed) < MALFORMED
            && !self.is_over.load(Ordering::Relaxed)
        {
            let Ok(mut stream) = TcpStream::connect(address) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            let number = self.malformed.fetch_add(1, Ordering::Relaxed) as u64;
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(&malformed(address, number));
            let _ = stream.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            if answer.starts_with(b"HTTP/1.1 2") || answer.starts_with(b"HTTP/1.1 5") {
                self.add_wrong(format!(
                    "malformed request {number}: {}",
                    String::from_utf8_lossy(&answer)
                ));
            }
            // Over all of the time.
            while self.n_answered() < REQUESTS * number as usize / MALFORMED
                && !self.is_over.load(Ordering::Relaxed)
            {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// A request that is none, of random bytes or with a part that is wrong.
fn malformed(address: SocketAddr, number: u64) -> Vec<u8> {
    let mut random = Stream::new(number, 45);
    let junk: Vec<u8> = (0..random.below(300)).map(|_| random.below(256) as u8).collect();
    let head = |first: &str, token: &str, length: usize| {
        format!("{first} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes()
    };
    let (post, body) = ("POST /v1/models/table/predict", table_body(number).into_bytes());
    match number % 7 {
        0 => junk,
        1 => [head(post, TOKEN, junk.len()), junk].concat(),
        2 => [head(post, "another-token-than-that", body.len()), body].concat(),
        3 => [head("BREW /v1/models/table/predict", TOKEN, body.len()), body].concat(),
        // Less than was announced.
        4 => [head(post, TOKEN, body.len() + 1), body].concat(),
        5 => [head(post, TOKEN, 1 << 40), body].concat(),
        _ => {
            let body = String::from_utf8_lossy(&body).replace("\"a\":", "\"A\":").into_bytes();
            [head(post, TOKEN, body.len()), body].concat()
        }
    }
}

/// The model whose answer a body is.
fn which(body: &str, first: &[f64], second: &[f64]) -> Option<usize> {
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    let [prediction] = &answer["predictions"].as_array()?[..] else { return None };
    let found: Option<Vec<f64>> =
        CLASSES.iter().map(|name| prediction["probabilities"][name].as_f64()).collect();
    let found = found?;
    let is_right = |expected: &[f64]| {
        let best = (0..CLASSES.len()).max_by(|&a, &b| found[a].total_cmp(&found[b]));
        let is_near = |(a, b): (&f64, &f64)| (a - b).abs() < TOLERANCE;
        found.iter().zip(expected).all(is_near)
            && prediction["predicted"].as_str() == best.map(|best| CLASSES[best])
    };
    [first, second].iter().position(|expected| is_right(expected))
}

/// A connection that stays open.
struct Client(BufReader<TcpStream>);

struct PredictionAnswer {
    body: String,
    is_last: bool,
}

impl Client {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ask(&mut self, address: SocketAddr, body: &str) -> std::io::Result<PredictionAnswer> {
        let length = body.len();
        let request = format!(
            "POST /v1/models/table/predict HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.and_then(|length| length.parse().ok());
        let mut body = vec![0; length.ok_or(std::io::ErrorKind::InvalidData)?];
        self.0.read_exact(&mut body)?;
        let body = String::from_utf8(body).map_err(std::io::Error::other)?;
        Ok(PredictionAnswer { body, is_last: head.contains("\r\nconnection: close") })
    }
}
