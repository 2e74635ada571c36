//! `cross-validate`: how well an experiment does on each fold of a table, and whether another one does better.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use diagnostics::table;
use gradus::graph::Pool;
use gradus::studio::open_data;
use gradus::train::cross_validation::{CrossValidation, FoldScore, PairedComparison, ScoreSummary};
use serde::Serialize;

use crate::experiment::{ExperimentArgs, setting};
use crate::output::{metric, print, stderr};
use crate::signal::{INTERRUPTED, stop_on_signal};
use crate::threads::ThreadsArgs;

/// The probability below which a difference is called one.
const SIGNIFICANT: f64 = 0.05;

/// Train an experiment once for each fold of its table, measure it on that fold, and print mean and standard deviation;
/// with a second experiment, test whether the two differ.
///
/// The rows are dealt into folds of equal size, of each class in proportion; each fold is the test set once. The test of two
/// experiments is the corrected resampled t-test, which knows that folds share training rows. Nothing is recorded.
///
/// Exits 0 on success, 2 on a usage error or bad input, 130 if interrupted.
#[derive(Debug, clap::Args)]
pub(crate) struct CrossValidateArgs {
    /// Experiment file or preset whose data is a table.
    #[arg(value_name = "FILE.toml")]
    experiment: String,

    /// Another one on the same table, to be compared with the first.
    #[arg(value_name = "OTHER.toml")]
    other: Option<String>,

    /// Override a setting of both, such as train.epochs=5; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,

    /// Number of folds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1000))]
    folds: u16,

    /// How often the rows are dealt anew.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeats: u16,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

/// The scores of one experiment.
#[derive(Serialize)]
struct ExperimentScores {
    experiment: String,
    #[serde(flatten)]
    summary: ScoreSummary,
    folds: Vec<FoldScore>,
}

#[derive(Serialize)]
struct CrossValidationReport {
    experiments: Vec<ExperimentScores>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<PairedComparison>,
}

pub(crate) fn run(args: &CrossValidateArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let pool = Arc::new(Pool::new(args.threads.count()));
    let plan = CrossValidation { folds: args.folds.into(), repeats: args.repeats.into() };
    let names = [Some(&args.experiment), args.other.as_ref()];
    let mut read = Vec::new();
    for name in names.into_iter().flatten() {
        let file = ExperimentArgs { experiment: Some(name.clone()), set: args.set.clone() };
        read.push((name, file.read(&[])?));
    }
    let stop = stop_on_signal()?;
    let mut experiments = Vec::new();
    for (name, read) in &read {
        let mut each = |found: FoldScore| {
            let FoldScore { repeat, fold, score, .. } = found;
            // Without standard error there is nobody to tell.
            let _ = writeln!(stderr(), "{name}, repeat {repeat}, fold {fold}: {}", metric(score));
            !stop.load(Ordering::Relaxed)
        };
        let folds = plan.run(&read.experiment, &open_data, &pool, &mut each);
        let folds = folds.map_err(|error| read.locate(error))?;
        if stop.load(Ordering::Relaxed) {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let summary = ScoreSummary::of(folds.iter().map(|fold| fold.score));
        experiments.push(ExperimentScores { experiment: (*name).clone(), summary, folds });
    }
    let comparison = match &experiments[..] {
        [first, second] => Some(PairedComparison::new(&first.folds, &second.folds)?),
        _ => None,
    };
    let report = CrossValidationReport { experiments, comparison };
    print(out, args.json, &report, CrossValidationReport::write)
}

impl CrossValidationReport {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let metric_name = self.experiments[0].folds[0].metric;
        let rows = self.experiments.iter().map(|scores| {
            let ScoreSummary { mean, deviation } = scores.summary;
            let folds = scores.folds.iter().map(|fold| fold.score);
            let [low, high] = folds
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], score| {
                    [low.min(score), high.max(score)]
                });
            [
                scores.experiment.clone(),
                metric(mean),
                metric(deviation),
                format!("{} to {}", metric(low), metric(high)),
                scores.folds.len().to_string(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let heading = format!(">test {metric_name}");
        table::write(out, ["<", &heading, ">deviation", ">lowest to highest", ">folds"], &rows)?;
        let Some(comparison) = &self.comparison else { return Ok(()) };
        let PairedComparison { difference, t, degrees_of_freedom, p } = comparison;
        let judgement = match *p < SIGNIFICANT {
            true => "They differ: with equal experiments so large a difference is rare.",
            false => "No difference is shown: the choice of the training rows explains it.",
        };
        writeln!(
            out,
            "\ndifference {}, t = {t:.2} with {degrees_of_freedom} degrees of freedom, p = {p:.3} (corrected resampled t-test)\n{judgement}",
            metric(difference.mean)
        )
    }
}
