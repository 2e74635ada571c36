//! Results and numbers as text.

use std::io::{self, Stderr, Write};
use std::process::ExitCode;

use diagnostics::PrintableWriter;
use gradus::data::columns::date_text;
use indicatif::HumanCount;
use serde::Serialize;

/// Standard error, for text.
pub(crate) fn stderr() -> PrintableWriter<Stderr> {
    PrintableWriter(io::stderr())
}

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

/// Reads a size of memory: `2GiB`, `500 MB` or a number of bytes.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, f64); 8] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("B", 1.0),
        ("", 1.0),
    ];
    let found = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (text, unit) = found.unwrap_or((text, &1.0));
    let expected = "a size such as 2GiB, 500MB or 1000000";
    Ok((number(text.trim_end(), |&size| (1.0..1e15).contains(&size), expected)? * unit) as usize)
}

/// A date, in seconds since 1970, without its time.
pub(crate) fn day(seconds: f64) -> String {
    date_text(seconds).chars().take_while(|letter| *letter != ' ').collect()
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
    fn sizes_have_units_of_both_kinds_or_none() {
        let cases =
            [("2GiB", 2 << 30), ("1.5 MiB", 3 << 19), ("500MB", 500_000_000), ("7kB", 7000)];
        assert_eq!(cases.map(|(text, _)| bytes(text)), cases.map(|(_, size)| Ok(size)));
        assert_eq!(["12", "12B", "12KiB"].map(bytes), [Ok(12), Ok(12), Ok(12 << 10)]);
        for text in ["", "GiB", "2Gib", "-1GiB", "0", "nan", "inf", "1e300", "2 G"] {
            let expected = "expected a size such as 2GiB, 500MB or 1000000";
            assert_eq!(bytes(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_metric_keeps_significant_digits() {
        let cases =
            [(2.345_678, "2.3457"), (0.0, "0.0000"), (3.14e-5, "3.14e-5"), (7.25e8, "7.25e8")];
        assert_eq!(cases.map(|(number, _)| metric(number)), cases.map(|(_, text)| text));
        assert_eq!((metric(f64::NAN), metric(f64::INFINITY)), ("NaN".into(), "inf".into()));
    }
}
