//! `train`: train a network.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::ensure;
use gradus::data::Targets;
use gradus::events::{Reason, RunFinished};
use gradus::graph::Pool;
use gradus::runs::RunFolder;
use gradus::train::Trainer;

use crate::experiment::{ExperimentArgs, warn};
use crate::numbers::{loss, thousands};
use crate::progress::Progress;
use crate::served::{self, ServeArgs};
use crate::signal::{INTERRUPTED, stop_on_signal};
use crate::threads::ThreadsArgs;

/// Train a network and keep the run in a folder.
///
/// Exits 0 when done, 1 if --target-accuracy was not reached or a number was not finite, 2 on wrong use or
/// bad input, 130 if interrupted (the network is saved first).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    experiment: ExperimentArgs,

    /// Passes over the training set.
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = epochs)]
    epochs: Option<f64>,

    /// Optimizer updates.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Seed of every random draw.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// Folder for the run, which must not be there yet; runs/NAME-1, -2, … if not given.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Stop as soon as an evaluation reaches this accuracy; exit 1 if none does.
    #[arg(long, value_name = "F", value_parser = accuracy)]
    target_accuracy: Option<f64>,

    /// Show the run in a browser while it goes on; the page stays when it has ended, until Ctrl-C.
    #[arg(long)]
    live: bool,

    #[command(flatten)]
    serve: ServeArgs,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

fn epochs(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(epochs) if epochs > 0.0 && f64::is_finite(epochs) => Ok(epochs),
        _ => Err("expected a number above 0".into()),
    }
}

fn accuracy(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(accuracy) if (0.0..=1.0).contains(&accuracy) => Ok(accuracy),
        _ => Err("expected a number from 0 to 1".into()),
    }
}

/// Trains.
///
/// # Errors
///
/// A wrong experiment, data that cannot be read, a folder that cannot be written.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let experiment = args.experiment.read(&[
        // A whole number is as good as a fraction here.
        ("train.epochs", args.epochs.map(|epochs| format!("{epochs:?}"))),
        ("train.steps", args.steps.map(|steps| steps.to_string())),
        ("train.seed", args.seed.map(|seed| seed.to_string())),
    ])?;
    let split = experiment.data.open(gradus::mnist)?;
    warn(&split.warnings());
    ensure!(
        args.target_accuracy.is_none() || matches!(split.test.targets(), Targets::Labels { .. }),
        "--target-accuracy: expected data with classes, found values in {}: leave it out",
        split.test.name()
    );
    let threads = args.threads.count();
    let mut trainer = Trainer::new(experiment.clone(), split, Arc::new(Pool::new(threads)))?;
    let is_live = args.live || args.serve.is_given();
    let place = if is_live { Some(args.serve.place()?) } else { None };
    let folder = match &args.run {
        Some(path) => RunFolder::create(path, &experiment)?,
        None => RunFolder::create_next(Path::new("runs"), &experiment)?,
    };
    let stop = stop_on_signal()?;
    let live = match place {
        Some(place) => Some(args.serve.serve_live(place, folder.path())?),
        None => None,
    };
    let mut progress = Progress::new(folder, Arc::clone(&stop), live);
    let finished = trainer.run(args.target_accuracy, &mut progress);
    let folder = progress.finish()?;
    folder.save(&trainer.saved())?;
    match report(&finished, folder.path(), args.json, out) {
        // Nobody reads the output any more; the exit code still says how it went.
        Err(error) if !crate::is_broken_pipe(&error) => return Err(error),
        _ => {}
    }
    if is_live {
        served::stay(&stop);
    }
    let reached = args.target_accuracy.is_none() || finished.reason == Reason::TargetReached;
    Ok(match finished.reason {
        Reason::Interrupted => ExitCode::from(INTERRUPTED),
        Reason::NotFinite { .. } => ExitCode::from(1),
        _ if reached => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

fn report(
    finished: &RunFinished,
    folder: &Path,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let summary = &finished.summary;
    let mut err = std::io::stderr();
    let _ = match &finished.reason {
        Reason::Interrupted => {
            writeln!(err, "interrupted after step {}; the network is saved", summary.steps)
        }
        Reason::NotFinite { layer, tensor, step } => {
            writeln!(
                err,
                "stopped at step {step}: {tensor} of {layer} is not finite; the step was not taken\n  a smaller learning rate, or --set train.clip.norm=1, often helps"
            )
        }
        _ => Ok(()),
    };
    if json {
        writeln!(out, "{}", summary.to_line())?;
        return Ok(());
    }
    writeln!(out, "steps          {} ({:.2} epochs)", thousands(summary.steps), summary.epochs)?;
    writeln!(out, "train loss     {}", loss(summary.train_loss))?;
    writeln!(out, "test loss      {}", loss(summary.test_loss))?;
    if let Some((last, best)) = summary.test_accuracy.zip(summary.best_test_accuracy) {
        writeln!(out, "test accuracy  {last:.4} (best {best:.4})")?;
    }
    let speed = thousands(summary.samples_per_second as u64);
    writeln!(out, "time           {:.1} s, {speed} samples/s in training", summary.wall_seconds)?;
    writeln!(out, "run            {}", folder.display())?;
    Ok(())
}
