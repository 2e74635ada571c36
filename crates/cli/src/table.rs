//! Aligned text tables, and how numbers stand in them.

use std::io::{self, Write};

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Writes rows under a heading, each column as wide as its widest cell.
///
/// # Errors
///
/// If `out` cannot be written.
pub(crate) fn write<const N: usize>(
    out: &mut dyn Write,
    columns: [(&str, Align); N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let width = |c: usize| {
        let cells = rows.iter().map(|row| row[c].chars().count());
        cells.chain([columns[c].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let headings: [String; N] = std::array::from_fn(|c| columns[c].0.to_owned());
    for row in std::iter::once(&headings).chain(rows) {
        let cells =
            row.iter().zip(widths).zip(&columns).map(|((cell, width), (_, align))| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A whole number with its thousands apart: `244,076`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// A loss: one that is very small or has run away is shown by its size, not by its digits.
pub(crate) fn loss(loss: f64) -> String {
    let is_plain = loss == 0.0 || loss.is_nan() || (1e-3..1e6).contains(&loss.abs());
    if is_plain { format!("{loss:.4}") } else { format!("{loss:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = Vec::new();
        let rows = [["a".into(), "10".into()], ["long".into(), "9".into()]];
        write(&mut out, [("name", Align::Left), ("n", Align::Right)], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name   n\na     10\nlong   9\n");
    }

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (244_076, "244,076")];
        assert!(cases.iter().all(|&(number, text)| thousands(number) == text));
    }

    #[test]
    fn a_loss_keeps_digits_that_say_something() {
        let cases =
            [(2.345_678, "2.3457"), (0.0, "0.0000"), (3.14e-5, "3.14e-5"), (7.25e8, "7.25e8")];
        assert_eq!(cases.map(|(number, _)| loss(number)), cases.map(|(_, text)| text));
        assert_eq!((loss(f64::NAN), loss(f64::INFINITY)), ("NaN".into(), "inf".into()));
    }
}
