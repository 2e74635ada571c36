//! `bench`: how fast a network trains and answers on this machine.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gradus::graph::Pool;
use gradus::kernels::Isa;
use gradus::kernels::product::peak_flops;
use gradus::train::{Evaluator, Experiment, Trainer};
use serde::Serialize;

use crate::experiment::ExperimentArgs;
use crate::table::thousands;
use crate::threads::ThreadsArgs;

/// Measure how fast a network trains and answers on this machine.
///
/// Training counts everything a step does, gathering the batch among it; the digits are real. Operations are
/// those that are needed: two for each multiply-add forward and for each of both gradients, without the
/// gradient of the input, which nobody needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    experiment: ExperimentArgs,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Seconds to measure training for.
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3600.0 => Ok(seconds),
        _ => Err("expected a number above 0 and up to 3600".into()),
    }
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    network: String,
    threads: usize,
    isa: &'static str,
    /// Training samples a second.
    samples_per_second: f64,
    /// Samples a second through the network for evaluation.
    inference_samples_per_second: f64,
    /// Needed operations of training, in 10⁹ a second.
    gflops: f64,
    /// Multiply-adds on registers, all threads together, in 10⁹ operations a second.
    peak_gflops: f64,
    share_of_peak: f64,
    /// The most memory the process has used, if the system tells.
    peak_rss_bytes: Option<u64>,
    /// From the start of the process to the end of the first step, the digits decompressed among it.
    startup_seconds: f64,
}

/// Measures.
///
/// # Errors
///
/// A wrong experiment or data that cannot be read.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let mut experiment = args.experiment.read(&[])?;
    // Measured until time is up, not until the experiment's end.
    (experiment.train.steps, experiment.train.epochs) = (Some(u64::MAX), None);
    let threads = args.threads.count();
    let split = experiment.data.open(gradus::mnist)?;
    let mut trainer = Trainer::new(experiment.clone(), split, Arc::new(Pool::new(threads)))?;
    trainer.step()?;
    let startup_seconds = begin.elapsed().as_secs_f64();

    let samples_per_second = training_speed(&mut trainer, args.seconds)?;
    let flop = needed_flop(&trainer);
    let peak_gflops = peak_gflops(threads);
    let report = Report {
        network: experiment.name.clone(),
        threads,
        isa: Isa::current().name(),
        samples_per_second,
        inference_samples_per_second: inference_speed(
            &experiment,
            &trainer,
            threads,
            args.seconds / 3.0,
        )?,
        gflops: samples_per_second * flop * 1e-9,
        peak_gflops,
        share_of_peak: samples_per_second * flop * 1e-9 / peak_gflops,
        peak_rss_bytes: peak_rss_bytes(),
        startup_seconds,
    };
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        report.write(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "network    {}, {} threads, {}", self.network, self.threads, self.isa)?;
        writeln!(out, "training   {} samples/s", thousands(self.samples_per_second as u64))?;
        writeln!(
            out,
            "inference  {} samples/s",
            thousands(self.inference_samples_per_second as u64)
        )?;
        let Self { gflops, peak_gflops, share_of_peak, .. } = self;
        writeln!(
            out,
            "compute    {gflops:.1} GFLOP/s of {peak_gflops:.0}, {:.0} % of peak",
            100.0 * share_of_peak
        )?;
        if let Some(bytes) = self.peak_rss_bytes {
            writeln!(out, "memory     {} MB at most", thousands(bytes / 1_000_000))?;
        }
        writeln!(out, "start      {:.2} s to the first step", self.startup_seconds)
    }
}

fn training_speed(trainer: &mut Trainer, seconds: f64) -> anyhow::Result<f64> {
    let warm_until = Instant::now() + Duration::from_secs_f64((seconds / 10.0).min(0.3));
    while Instant::now() < warm_until {
        trainer.step()?;
    }
    let (begin, first) = (Instant::now(), trainer.steps_done());
    while begin.elapsed().as_secs_f64() < seconds {
        trainer.step()?;
    }
    let steps = trainer.steps_done() - first;
    Ok((steps * trainer.experiment().train.batch as u64) as f64 / begin.elapsed().as_secs_f64())
}

fn inference_speed(
    experiment: &Experiment,
    trainer: &Trainer,
    threads: usize,
    seconds: f64,
) -> anyhow::Result<f64> {
    let test = trainer.test_set();
    let objective = experiment.train.objective();
    let mut evaluator =
        Evaluator::new(&experiment.model, &objective, test, experiment.data.divisor)?;
    let pool = Pool::new(threads);
    let mut evaluate =
        || evaluator.evaluate(Some(&pool), test, trainer.parameters(), trainer.averages());
    evaluate();
    let (begin, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || begin.elapsed().as_secs_f64() < seconds {
        evaluate();
        rounds += 1;
    }
    Ok((rounds * test.len()) as f64 / begin.elapsed().as_secs_f64())
}

/// Needed floating-point operations of a step for one sample.
fn needed_flop(trainer: &Trainer) -> f64 {
    let layers = &trainer.model().layers;
    let all = trainer.model().multiply_adds();
    let first = layers.iter().map(|layer| layer.multiply_adds).find(|&n| n > 0).unwrap_or(0);
    2.0 * (3 * all - first) as f64
}

/// All threads at once, since together they may run slower than alone.
fn peak_gflops(threads: usize) -> f64 {
    const PATIENCE: Duration = Duration::from_millis(100);
    let mut peaks = vec![0.0; threads];
    std::thread::scope(|scope| {
        for peak in &mut peaks {
            scope.spawn(|| *peak = peak_flops::<f32>(PATIENCE) * 1e-9);
        }
    });
    peaks.iter().sum()
}

/// The high-water mark of resident memory, as Linux tells it.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
