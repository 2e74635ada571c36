//! `bench`: training and inference speed on this machine.

mod layers;
mod machine;
mod report;
mod speed;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use gradus::graph::{Compile, Pool, Program};
use gradus::kernels::Isa;
use gradus::train::Trainer;

use crate::START;
use crate::experiment::ExperimentArgs;
use crate::output::{number, print};
use crate::threads::ThreadsArgs;
use layers::StepParts;
use report::BenchReport;

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

/// Runs the command.
pub(crate) fn run(args: &BenchArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut experiment = args.experiment.read(&[])?;
    // The measurement ends by time, not at the experiment's last step.
    (experiment.train.steps, experiment.train.epochs) = (Some(u64::MAX), None);
    let threads = args.threads.count();
    let pool = Arc::new(Pool::new(threads));
    let split = experiment.data.open(gradus::mnist)?;
    let mut trainer = Trainer::new(experiment, split, Arc::clone(&pool))?;
    if args.plan {
        write!(out, "{}", plan(&trainer)?)?;
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
        network: trainer.experiment().name.clone(),
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

/// The execution plan of a step, compiled as the trainer compiles it.
fn plan(trainer: &Trainer) -> anyhow::Result<String> {
    let model = trainer.model();
    let options = Compile {
        batch: trainer.experiment().train.batch,
        loss: Some(model.loss),
        keep: vec![model.prediction],
        ..Compile::default()
    };
    Ok(Program::new(model.graph.clone(), &options)?.describe())
}
