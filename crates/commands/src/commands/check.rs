//! `check`: compare the gradients of a network with finite differences.

use std::io::Write;
use std::process::ExitCode;

use anyhow::ensure;
use diagnostics::table;
use gradus::graph::gradient_check::{GradCheckOptions, GradCheckOutcome, GradCheckReport};
use gradus::train::gradient_check::gradient_check;

use crate::experiment::ExperimentArgs;

/// The most parameters that `--every` accepts: each costs four forward passes.
const MAX_ELEMENTS: usize = 200_000;

/// Exit code if no gradient failed, but some could not be compared.
const NOT_COMPARED: u8 = 3;

/// Check the gradient of every parameter tensor against finite differences of the loss, in f64.
///
/// The check uses the initial weights, random biases, real samples and a fixed dropout mask. A direction that
/// crosses a kink (a ReLU that changes sign, a pooling window whose maximum moves) is rejected and resampled. Where
/// values tie (equal weights before a max pool), the loss has no derivative and nothing is compared. Frozen parameters
/// have no gradient.
///
/// Exits 0 if all errors are within the tolerance, 1 if not, 2 on a usage error or bad input, 3 if no error is above
/// the tolerance but a gradient could not be compared.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,

    /// Largest relative error accepted.
    #[arg(long, value_name = "F", default_value_t = 1e-6)]
    tolerance: f64,

    /// Random directions per parameter tensor.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "every")]
    directions: usize,

    /// Check every element individually.
    #[arg(long)]
    every: bool,

    /// Number of samples in the batch.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    samples: u16,

    /// Random seed of weights, directions and the dropout mask.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

pub(crate) fn run(args: &CheckArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let read = args.experiment.read(&[])?;
    ensure!(args.directions > 0, "--directions: expected 1 or more, found 0");
    let parts = read.open_data()?;
    let (dataset, transforms) = (&parts.train, parts.transforms());
    let classes = transforms.and_then(|all| all.target()).map_or(&[][..], |all| all.classes());
    let mut experiment = read.experiment.clone();
    experiment.data.class_names = classes.to_vec();
    let options = GradCheckOptions {
        batch: args.samples.into(),
        directions: (!args.every).then_some(args.directions),
        seed: args.seed,
        ..GradCheckOptions::default()
    };
    if args.every {
        let n = experiment.model.n_parameters()?;
        ensure!(
            n <= MAX_ELEMENTS,
            "--every: expected at most {MAX_ELEMENTS} parameters, found {n}; leave the option out to check along random directions"
        );
    }
    let report = gradient_check(&experiment, dataset, &options);
    let report = report.map_err(|error| read.locate(error))?;
    let rows = report.iter().map(|(tensor, checked)| {
        let (error, verdict) = match checked.outcome {
            GradCheckOutcome::Frozen => ("-".into(), "frozen: has no gradient"),
            GradCheckOutcome::NotDifferentiable => {
                ("-".into(), "not differentiable here (ties): nothing compared")
            }
            GradCheckOutcome::Compared { error, worst_element } => {
                let place = worst_element.map_or(String::new(), |at| format!(" at {at}"));
                let verdict = if checked.passes(args.tolerance) { "ok" } else { "FAIL" };
                (format!("{error:.1e}{place}"), verdict)
            }
        };
        let [compared, resampled] =
            [checked.compared.len(), checked.redrawn].map(|n| n.to_string());
        let shape = format!("{:?}", tensor.shape);
        [tensor.path.clone(), shape, compared, resampled, error, verdict.into()]
    });
    let headings = ["<parameter", "<shape", ">compared", ">resampled", "<worst error", "<"];
    table::write(out, headings, &rows.collect::<Vec<_>>())?;
    let tolerance = args.tolerance;
    let is_frozen = |checked: &GradCheckReport| checked.outcome == GradCheckOutcome::Frozen;
    let trained = report.iter().map(|(_, checked)| checked).filter(|checked| !is_frozen(checked));
    let trained: Vec<_> = trained.collect();
    let (n, n_frozen) = (trained.len(), report.len() - trained.len());
    let n_compared = trained.iter().filter(|checked| checked.error().is_some()).count();
    let n_passed = trained.iter().filter(|checked| checked.passes(tolerance)).count();
    let (mut verdict, code) = if n_passed < n_compared {
        let n_failed = n_compared - n_passed;
        (format!("{n_failed} of {n} gradients differ by more than {tolerance:.0e}"), 1)
    } else if n_compared < n {
        let verdict = format!(
            "{n_passed} of {n} gradients agree within {tolerance:.0e}, {} could not be compared: expected weights \
             without ties, such as random ones",
            n - n_compared
        );
        (verdict, NOT_COMPARED)
    } else {
        (format!("all {n} gradients agree within {tolerance:.0e}"), 0)
    };
    if n_frozen > 0 {
        verdict += &format!("; {n_frozen} parameters are frozen");
    }
    writeln!(out, "{verdict}")?;
    Ok(ExitCode::from(code))
}
