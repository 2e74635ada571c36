//! What the peers in Rust share: the command line, the data, the clocks and the report.

use std::env;
use std::error::Error;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

// Before the clock starts, for as long as this share of the timed run: caches fill, clocks settle.
const WARM_UP: f64 = 0.3;
const INFERENCE_WARM_UP: f64 = 0.1;
const MIN_WARM_UPS: usize = 3;
/// The widest instruction set that the program was built with.
const ISA: &str =
    if cfg!(target_feature = "avx512f") { "built with avx512" } else { "built with avx2" };
const INFERENCE_BATCHES: [usize; 3] = [1, 100, 1000];

/// A network that a framework has built, with its optimizer and its training data.
pub trait Peer {
    /// One training step on these samples: gathers them, forward, loss, backward, update.
    ///
    /// The step is finished on return.
    fn train(&mut self, samples: &[u32]) -> Result<()>;

    /// A function that infers the first `n` samples in evaluation mode, to the logits on the host.
    fn inference(&self, n: usize) -> Result<impl FnMut() -> Result<()>>;
}

pub struct Args {
    pub network: String,
    pub variant: String,
    pub threads: usize,
    pub seconds: f64,
    pub data: PathBuf,
    /// When the harness started this process, in seconds of unix time.
    pub started: f64,
}

impl Args {
    pub fn parse() -> Result<Self> {
        let mut network = None;
        let [mut variant, mut threads, mut seconds, mut data, mut started] = [const { None }; 5];
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let place = match arg.as_str() {
                "--variant" => &mut variant,
                "--threads" => &mut threads,
                "--seconds" => &mut seconds,
                "--data" => &mut data,
                "--started" => &mut started,
                _ => {
                    network = Some(arg);
                    continue;
                }
            };
            *place = args.next();
        }
        Ok(Self {
            network: network.ok_or("the network is missing")?,
            variant: variant.ok_or("--variant is missing")?,
            threads: threads.ok_or("--threads is missing")?.parse()?,
            seconds: seconds.ok_or("--seconds is missing")?.parse()?,
            data: data.ok_or("--data is missing")?.into(),
            started: started.ok_or("--started is missing")?.parse()?,
        })
    }

    /// Makes sure that the environment variables which size the pools of threads say `--threads`.
    ///
    /// Some are read by a library before or beside its pool, so the process starts anew with them.
    pub fn limit_threads(&self, variables: &[&str]) -> Result<()> {
        let threads = self.threads.to_string();
        if variables.iter().all(|name| env::var(name).is_ok_and(|value| value == threads)) {
            return Ok(());
        }
        let mut command = Command::new(env::current_exe()?);
        command.args(env::args_os().skip(1));
        command.envs(variables.iter().map(|name| (name, &threads)));
        Err(command.exec().into())
    }
}

/// The training samples, row by row.
pub struct Data {
    pub inputs: Vec<f32>,
    pub n_inputs: usize,
    pub targets: Targets,
}

pub enum Targets {
    Labels(Vec<u8>),
    Values(Vec<f32>),
}

impl Data {
    /// The data of this network: pairs of vectors for w8, digits in 0..1 for all others.
    pub fn load(folder: &Path, network: &str) -> Result<Self> {
        if network == "w8" {
            let inputs = floats(&folder.join("w8-x.f32"))?;
            let targets = Targets::Values(floats(&folder.join("w8-y.f32"))?);
            return Ok(Self { inputs, n_inputs: 4, targets });
        }
        let pixels = fs::read(folder.join("train-images.u8"))?;
        let inputs = pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
        let targets = Targets::Labels(fs::read(folder.join("train-labels.u8"))?);
        Ok(Self { inputs, n_inputs: 784, targets })
    }

    pub fn n_samples(&self) -> usize {
        self.inputs.len() / self.n_inputs
    }
}

fn floats(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path)?;
    let (chunks, _) = bytes.as_chunks();
    Ok(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

/// Batches without end, in a new order each epoch unless one batch is the whole epoch.
pub struct Batches {
    order: Vec<u32>,
    batch_size: usize,
    next: usize,
    rng: fastrand::Rng,
}

impl Batches {
    pub fn new(n_samples: usize, batch_size: usize) -> Self {
        let order: Vec<_> = (0..n_samples as u32).collect();
        let next = order.len();
        Self { order, batch_size, next, rng: fastrand::Rng::with_seed(0) }
    }

    fn next(&mut self) -> &[u32] {
        if self.next + self.batch_size > self.order.len() {
            self.next = 0;
            if self.batch_size < self.order.len() {
                self.rng.shuffle(&mut self.order);
            }
        }
        let start = self.next;
        self.next += self.batch_size;
        &self.order[start..self.next]
    }
}

/// Measures the peer as the protocol says and prints the report.
pub fn measure(
    args: &Args,
    version: &str,
    mut peer: impl Peer,
    mut batches: Batches,
) -> Result<()> {
    peer.train(batches.next())?;
    let startup = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() - args.started;

    let seconds = args.seconds;
    let min_warm_ups = if seconds > 0.0 { MIN_WARM_UPS } else { 1 };
    let mut train = || peer.train(batches.next());
    repeat(WARM_UP * seconds, min_warm_ups, &mut train)?;
    let clock = Instant::now();
    let n_steps = repeat(seconds, 1, &mut train)?.len();
    let speed = (n_steps * batches.batch_size) as f64 / clock.elapsed().as_secs_f64();
    let peak_rss = peak_rss()?;

    let mut inference = Vec::new();
    for n in INFERENCE_BATCHES {
        let mut infer = peer.inference(n)?;
        repeat(INFERENCE_WARM_UP * seconds, min_warm_ups, &mut infer)?;
        let mut calls = repeat(seconds / 3.0, 1, &mut infer)?;
        let middle = calls.len() / 2;
        let (_, median, _) = calls.select_nth_unstable(middle);
        inference.push(format!(r#""{n}": {}"#, median.as_secs_f64()));
    }
    println!(
        r#"{{"version": "{version}", "isa": "{ISA}", "samples_per_second": {speed}, "startup_seconds": {startup}, "peak_rss_bytes": {peak_rss}, "inference_seconds": {{{}}}}}"#,
        inference.join(", ")
    );
    Ok(())
}

/// Calls `f` for at least so many seconds and so many times, and returns how long each call took.
fn repeat(
    seconds: f64,
    min_calls: usize,
    mut f: impl FnMut() -> Result<()>,
) -> Result<Vec<Duration>> {
    let mut calls = Vec::new();
    let start = Instant::now();
    let mut before = start;
    while calls.len() < min_calls || (before - start).as_secs_f64() < seconds {
        f()?;
        let now = Instant::now();
        calls.push(now - before);
        before = now;
    }
    Ok(calls)
}

fn peak_rss() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 =
        line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM")?.parse()?;
    Ok(kib * 1024)
}

/// The version of a package in the text of a `Cargo.lock`.
pub fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0)
}
