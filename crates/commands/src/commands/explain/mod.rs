//! `explain`: a formula as a computational graph, or a number of a network by what made it.

mod element;
mod element_text;
pub(super) mod formula;

use std::io::Write;
use std::process::ExitCode;

/// Show a formula as a computational graph, or with --of where a number of a network comes from.
///
/// Of a formula each value is shown, and the gradient of the result with respect to it.
///
/// A formula may contain numbers, vectors such as [1, 2], names, + - * / ^, parentheses, elements such as s[0], the
/// constants pi and e, and the functions exp, ln (or log), log10, sqrt, sin, cos, tanh, sigmoid, relu, gelu, abs,
/// step, max(a, b) and min(a, b), softmax, sum, mean, max and min of a vector.
///
/// With --of PATH[INDEX] a number of a network is explained: of a run, a saved model, or an untrained preset or
/// experiment file. A value or a gradient by the terms that made it, largest first; a parameter by what a step of the
/// run did to it. Paths are those of layers (8.linear) and parameters (8.linear.weight), input, logits, probabilities,
/// loss, and ops within a layer (8.linear.matmul); gradient:8.linear[17] is the gradient of the loss.
///
/// Exits 0 on success, 1 if a value or a gradient is infinite or undefined or --check finds a difference, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The formula, such as '(apple * count) * tax'; with --of a run directory, saved model, preset or experiment file.
    #[arg(value_name = "FORMULA or MODEL", allow_hyphen_values = true)]
    subject: Option<String>,

    #[command(flatten)]
    formula: formula::FormulaArgs,

    #[command(flatten)]
    element: element::ElementArgs,

    /// Print one JSON object with full precision; a number that is not finite is null.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match &args.element.of {
        Some(of) => element::run(args.subject.as_deref(), of, &args.element, args.json, out),
        None => formula::run(args.subject.as_deref(), args.json, &args.formula, out),
    }
}
