//! `cargo xtask sweep`: the time per operation over batch size, width, threads and number of samples.
//!
//! The curve of a kernel that is tuned for single sizes would have a step next to them.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::point::SweepPoint;
use crate::binary::{self, Profile};
use crate::{machine, process};

mod page;
mod plot;
mod point;

/// The experiment files, and one line per run.
const FOLDER: &str = "target/sweep";
const RUNS: &str = "target/sweep/runs.jsonl";
const PLOT: &str = "docs/sweep.svg";
const PAGE: &str = "docs/sweep.md";

/// Seconds after which a run is killed.
const LIMIT: NonZeroU64 = NonZeroU64::new(300).expect("not 0");

/// Sizes and duration of the measurement.
#[derive(clap::Args)]
pub(crate) struct SweepArgs {
    /// Batch sizes.
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        default_value = "1,2,4,8,16,32,64,128,256,512,1024,2048,4096"
    )]
    batches: Vec<NonZeroUsize>,

    /// Widths of the two hidden layers.
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        default_value = "32,64,128,256,512,1024,2048,4096"
    )]
    widths: Vec<NonZeroUsize>,

    /// Numbers of threads.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<NonZeroUsize>,

    /// Numbers of training samples; batch sizes and widths are measured with the largest.
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        default_value = "1000,2000,4000,8000,16000,32000,60000"
    )]
    samples: Vec<NonZeroUsize>,

    /// Runs per point; the fastest counts, since other processes can only slow a run down.
    #[arg(long, value_name = "N", default_value = "3")]
    rounds: NonZeroUsize,

    /// Duration of one run in seconds, after its warm-up.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    seconds: f64,

    /// Resume a sweep that was stopped, instead of starting again.
    #[arg(long)]
    resume: bool,
}

/// The measurement at a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct SweepResult {
    point: SweepPoint,
    /// Training time per operation, in 10⁻¹² s.
    picoseconds: f64,
}

/// Measures every point, and writes the plots and the tables.
///
/// # Errors
///
/// If Gradus does not build, a run fails, or a file cannot be written.
pub(crate) fn run(args: &SweepArgs) -> anyhow::Result<()> {
    binary::build(Profile::Release)?;
    fs::create_dir_all(FOLDER).context(FOLDER)?;
    let mut done = if args.resume { read()? } else { Vec::new() };
    let points = point::all(args);
    done.retain(|measured| points.contains(&measured.point));
    // Runs that are not requested, and an incomplete last line, are dropped.
    let lines: Vec<String> = done.iter().map(line).collect::<Result<_, _>>()?;
    fs::write(RUNS, lines.concat()).context(RUNS)?;

    for round in 1..=args.rounds.get() {
        for (i, &point) in points.iter().enumerate() {
            if done.iter().filter(|measured| measured.point == point).count() >= round {
                continue;
            }
            let measured = measure(point, args.seconds)?;
            let (place, n_points) = (i + 1, points.len());
            eprintln!(
                "round {round}, {place} of {n_points}: {point}: {:.2} ps",
                measured.picoseconds
            );
            let mut file = OpenOptions::new().append(true).open(RUNS).context(RUNS)?;
            file.write_all(line(&measured)?.as_bytes()).context(RUNS)?;
            done.push(measured);
        }
    }
    let fastest = fastest(done);
    fs::write(PLOT, plot::svg(&fastest)?).context(PLOT)?;
    let runs = format!("{} of {} s each, the fastest counts", args.rounds, args.seconds);
    fs::write(PAGE, page::page(&fastest, &runs, &machine::name())).context(PAGE)?;
    eprintln!("{PLOT} and {PAGE} are written");
    Ok(())
}

/// The fastest run of each point.
fn fastest(mut runs: Vec<SweepResult>) -> Vec<SweepResult> {
    runs.sort_by(|a, b| a.point.cmp(&b.point).then(a.picoseconds.total_cmp(&b.picoseconds)));
    runs.dedup_by_key(|measured| measured.point);
    runs
}

fn line(measured: &SweepResult) -> serde_json::Result<String> {
    Ok(serde_json::to_string(measured)? + "\n")
}

/// The finished runs.
fn read() -> anyhow::Result<Vec<SweepResult>> {
    if !Path::new(RUNS).exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(RUNS).context(RUNS)?;
    // The last line may be cut off.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn measure(point: SweepPoint, seconds: f64) -> anyhow::Result<SweepResult> {
    let file = format!("{FOLDER}/{}.toml", point.file_stem());
    fs::write(&file, point.experiment()).context(file.clone())?;
    let mut command = Command::new(binary::path(Profile::Release)?);
    let (threads, seconds) = (point.threads.to_string(), seconds.to_string());
    command.args(["bench", &file, "--threads", &threads, "--seconds", &seconds, "--json"]);
    let output = process::read_within(&command, LIMIT, Path::new(FOLDER))
        .with_context(|| process::quote(&command))?;
    let report: Value = serde_json::from_str(&output).context("gradus bench")?;
    let gflops = report["gflops"].as_f64().context("gradus bench: no gflops")?;
    Ok(SweepResult { point, picoseconds: 1e3 / gflops })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_run_of_each_point_counts() {
        let run = |batch, picoseconds| SweepResult {
            point: SweepPoint { threads: 1, samples: 9, width: 8, batch },
            picoseconds,
        };
        let runs = vec![run(2, 5.0), run(1, 9.0), run(2, 4.0), run(1, 7.0), run(2, 6.0)];
        assert_eq!(fastest(runs), [run(1, 7.0), run(2, 4.0)]);
    }
}
