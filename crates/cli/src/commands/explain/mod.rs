//! `explain`: a formula as a computational graph, every value forward and every gradient backward.

pub(super) mod formula;

use std::io::Write;
use std::process::ExitCode;

/// Show a formula as a computational graph: each value, and the gradient of the result with respect to it.
///
/// A formula may contain numbers, vectors such as [1, 2], names, + - * / ^, parentheses, elements such as s[0], the
/// constants pi and e, and the functions exp, ln (or log), log10, sqrt, sin, cos, tanh, sigmoid, relu, abs, step,
/// max(a, b) and min(a, b), softmax, sum, mean, max and min of a vector.
///
/// Exits 0 on success, 1 if a value or a gradient is infinite or undefined or --check finds a difference, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The formula, such as '(apple * count) * tax'.
    #[arg(value_name = "FORMULA", allow_hyphen_values = true)]
    subject: Option<String>,

    #[command(flatten)]
    formula: formula::FormulaArgs,

    /// Print one JSON object with full precision; a number that is not finite is null.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    formula::run(args.subject.as_deref(), args.json, &args.formula, out)
}
