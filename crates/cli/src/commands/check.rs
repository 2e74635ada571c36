//! `check`: compare the gradients of a network with differences.

use std::io::Write;
use std::process::ExitCode;

use anyhow::ensure;
use diagnostics::table::{self, Align};
use gradus::graph::gradient_check::GradCheckOptions;
use gradus::train::gradient_check::{ParameterGradCheck, gradient_check};

use crate::experiment::ExperimentArgs;

/// Parameters that `--every` checks at most: each costs four forward passes.
const FEW: usize = 200_000;

/// Compare the gradient of every parameter of a network with differences of its loss, in 64 bits.
///
/// The network has the weights of its first step and random biases, sees real samples, and keeps one dropout
/// mask. A direction along which a ReLU changes sides or a pool its winner says nothing and is drawn again.
///
/// Exits 0 if all errors are small, 1 if one is not, 2 on wrong use or bad input.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    experiment: ExperimentArgs,

    /// Largest relative error that passes.
    #[arg(long, value_name = "F", default_value_t = 1e-6)]
    tolerance: f64,

    /// Random directions for each parameter tensor.
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with = "every")]
    directions: usize,

    /// Scalar by scalar instead of along random directions.
    #[arg(long)]
    every: bool,

    /// Samples to check with.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    samples: u16,

    /// Seed of weights, directions and the dropout mask.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// Checks.
///
/// # Errors
///
/// A wrong experiment or data that cannot be read.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let experiment = args.experiment.read(&[])?;
    ensure!(args.directions > 0, "--directions: expected 1 or more, found 0");
    let dataset = experiment.data.open(gradus::mnist)?.train;
    let options = GradCheckOptions {
        batch: args.samples.into(),
        directions: (!args.every).then_some(args.directions),
        seed: args.seed,
        ..GradCheckOptions::default()
    };
    if args.every {
        let n = experiment.model.n_parameters()?;
        ensure!(
            n <= FEW,
            "--every: {n} parameters are too many to try one by one, expected at most {FEW}"
        );
    }
    let report = gradient_check(&experiment, &dataset, &options)?;
    // NaN does not pass.
    let passes = |tensor: &ParameterGradCheck| tensor.checked.error <= args.tolerance;
    let rows: Vec<[String; 6]> = report
        .iter()
        .map(|tensor| {
            let place = tensor
                .checked
                .worst_element
                .map_or(String::new(), |element| format!(" at {element}"));
            [
                tensor.name.clone(),
                format!("{:?}", tensor.shape),
                tensor.checked.compared.to_string(),
                tensor.checked.redrawn.to_string(),
                format!("{:.1e}{place}", tensor.checked.error),
                if passes(tensor) { "ok" } else { "WRONG" }.into(),
            ]
        })
        .collect();
    let columns = [
        ("parameter", Align::Left),
        ("shape", Align::Left),
        ("compared", Align::Right),
        ("redrawn", Align::Right),
        ("worst error", Align::Left),
        ("", Align::Left),
    ];
    table::write(out, columns, &rows)?;
    let n_wrong = report.iter().filter(|tensor| !passes(tensor)).count();
    if n_wrong == 0 {
        writeln!(out, "all {} gradients agree to {:.0e}", report.len(), args.tolerance)?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "{n_wrong} of {} gradients differ by more than {:.0e}",
        report.len(),
        args.tolerance
    )?;
    Ok(ExitCode::from(1))
}
