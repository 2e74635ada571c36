//! `bench`: training and inference speed on this machine.

mod layers;
mod machine;
mod speed;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use diagnostics::table;
use gradus::graph::Pool;
use gradus::kernels::Isa;
use gradus::train::Trainer;
use serde::Serialize;

use crate::START;
use crate::experiment::ExperimentArgs;
use crate::output::{number, print, thousands};
use crate::threads::ThreadsArgs;
use layers::StepParts;

/// Measure training and inference speed on this machine.
///
/// Training time includes loading the batch and the optimizer. FLOP are counted as two per multiply-add of the
/// forward pass and of both gradients, without the gradient of the input.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Duration of the training measurement in seconds.
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,

    /// Print the execution plan (tiles, tasks, memory) instead of measuring.
    #[arg(long, conflicts_with = "json")]
    plan: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    number(text, |&s| s > 0.0 && s <= 3600.0, "a number above 0 and up to 3600")
}

pub(crate) fn run(args: &BenchArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let read = args.experiment.read(&[])?;
    let mut experiment = read.experiment.clone();
    // The measurement ends by time, not at the experiment's last step.
    (experiment.train.steps, experiment.train.epochs) = (Some(i64::MAX as u64), None);
    let threads = args.threads.count();
    let pool = Arc::new(Pool::new(threads));
    let parts = read.open_data()?;
    let trainer = Trainer::new(experiment, parts, Arc::clone(&pool));
    let mut trainer = trainer.map_err(|error| read.locate(error))?;
    if args.plan {
        write!(out, "{}", trainer.program().describe())?;
        return Ok(ExitCode::SUCCESS);
    }
    trainer.step()?;
    let startup_seconds = START.elapsed().as_secs_f64();

    let samples_per_second = speed::training(&mut trainer, args.seconds)?;
    // Before other measurements allocate memory.
    let peak_rss_bytes = machine::peak_rss_bytes();
    let parts = StepParts::measure(&mut trainer, &pool, args.seconds / 3.0)?;
    let gflops = samples_per_second * speed::needed_flop(&trainer) * 1e-9;
    let peak_gflops = machine::peak_gflops(threads);
    let report = BenchReport {
        network: trainer.saved().experiment.name.clone(),
        threads,
        isa: Isa::current().name(),
        samples_per_second,
        inference_samples_per_second: speed::evaluation(&trainer, &pool, args.seconds / 3.0)?,
        inference_seconds: speed::latencies(&trainer, &pool, args.seconds / 5.0)?,
        gflops,
        peak_gflops,
        fraction_of_peak: gflops / peak_gflops,
        bandwidth_gbytes_per_second: machine::bandwidth_gbytes_per_second(threads),
        peak_rss_bytes,
        startup_seconds,
        parts,
    };
    print(out, args.json, &report, BenchReport::write)
}

/// The results of a benchmark.
#[derive(Debug, Serialize)]
struct BenchReport {
    network: String,
    threads: usize,
    isa: &'static str,
    samples_per_second: f64,
    inference_samples_per_second: f64,
    /// Median duration of a call of a predictor for each batch size, in seconds.
    inference_seconds: BTreeMap<usize, f64>,
    /// GFLOP/s of training.
    gflops: f64,
    /// Peak GFLOP/s of multiply-adds on registers, all threads together.
    peak_gflops: f64,
    fraction_of_peak: f64,
    /// Memory read bandwidth of all threads together, in GB/s.
    bandwidth_gbytes_per_second: f64,
    /// Peak resident memory of training, where the system reports it.
    peak_rss_bytes: Option<u64>,
    /// From the start of `main` to the end of the first step, decompression of the digits included.
    startup_seconds: f64,
    #[serde(flatten)]
    parts: StepParts,
}

impl BenchReport {
    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let samples = |per_second| format!("{} samples/s", thousands(per_second as u64));
        let Self { gflops, peak_gflops, fraction_of_peak, .. } = self;
        let percent = 100.0 * fraction_of_peak;
        let mut fields = vec![
            ("network", format!("{}, {} threads, {}", self.network, self.threads, self.isa)),
            ("training", samples(self.samples_per_second)),
            ("inference", samples(self.inference_samples_per_second)),
        ];
        fields.extend(self.inference_seconds.iter().map(|(batch, seconds)| {
            ("latency", format!("{:.1} µs for a batch of {batch}", seconds * 1e6))
        }));
        fields.extend([
            ("compute", format!("{gflops:.1} GFLOP/s of {peak_gflops:.0}, {percent:.0} % of peak")),
            ("bandwidth", format!("{:.1} GB/s read", self.bandwidth_gbytes_per_second)),
        ]);
        let memory = self.peak_rss_bytes.map(|bytes| thousands(bytes / 1_000_000));
        fields.extend(memory.map(|megabytes| ("memory", format!("{megabytes} MB peak"))));
        let allocations = self.parts.allocations_per_step;
        fields.extend(allocations.map(|number| ("", format!("{number} allocations per step"))));
        fields.push(("startup", format!("{:.2} s to the first step", self.startup_seconds)));
        table::fields(out, &fields)?;

        writeln!(out)?;
        let micros = |time: f64| format!("{time:.1}");
        let layers =
            self.parts.layers.iter().map(|layer| {
                [layer.name.clone(), micros(layer.forward_us), micros(layer.backward_us)]
            });
        let update = ["update".into(), micros(self.parts.update_us), String::new()];
        let headings = ["<µs per step, all threads", ">forward", ">backward"];
        table::write(out, headings, &layers.chain([update]).collect::<Vec<_>>())
    }
}
