//! Results and numbers as text.

use std::io::{self, Write};
use std::process::ExitCode;

use indicatif::HumanCount;
use serde::Serialize;

/// Prints a result as one JSON object or, by `write`, as text.
pub(crate) fn print<R: Serialize>(
    out: &mut dyn Write,
    json: bool,
    result: &R,
    write: impl FnOnce(&R, &mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<ExitCode> {
    match json {
        true => writeln!(out, "{}", serde_json::to_string(result)?)?,
        false => write(result, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a number in a range; `expected` says which.
pub(crate) fn number(
    text: &str,
    is_valid: impl FnOnce(&f64) -> bool,
    expected: &str,
) -> Result<f64, String> {
    text.parse().ok().filter(is_valid).ok_or_else(|| format!("expected {expected}"))
}

/// A whole number with its thousands apart: `244,076`.
pub(crate) fn thousands(number: u64) -> String {
    HumanCount(number).to_string()
}

/// The value of a metric: a very small or very large one in scientific notation.
pub(crate) fn metric(value: f64) -> String {
    let is_plain = value == 0.0 || value.is_nan() || (1e-3..1e6).contains(&value.abs());
    if is_plain { format!("{value:.4}") } else { format!("{value:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (244_076, "244,076")];
        assert!(cases.iter().all(|&(number, text)| thousands(number) == text));
    }

    #[test]
    fn a_metric_keeps_significant_digits() {
        let cases =
            [(2.345_678, "2.3457"), (0.0, "0.0000"), (3.14e-5, "3.14e-5"), (7.25e8, "7.25e8")];
        assert_eq!(cases.map(|(number, _)| metric(number)), cases.map(|(_, text)| text));
        assert_eq!((metric(f64::NAN), metric(f64::INFINITY)), ("NaN".into(), "inf".into()));
    }
}
