//! Text tables: aligned for a terminal, or in Markdown.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// Writes rows under a heading, each column as wide as its widest cell. A heading begins with the alignment of its
/// column, as in a format string: `<layer` is on the left, `>parameters` on the right.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn write<'a>(
    out: &mut dyn Write,
    headings: impl AsRef<[&'a str]>,
    rows: &[impl AsRef<[String]>],
) -> io::Result<()> {
    let columns = headings.as_ref().iter().map(|heading| heading.split_at(1));
    let (aligns, headings): (Vec<_>, Vec<_>) =
        columns.map(|(align, heading)| (align, heading.to_owned())).unzip();
    let lines = || std::iter::once(&headings[..]).chain(rows.iter().map(AsRef::as_ref));
    let width = |column: usize| lines().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    for row in lines() {
        let cells = row.iter().zip(&widths).zip(&aligns).map(|((cell, width), align)| {
            // The padding of `format!` counts characters, which may be two cells wide.
            let padding = " ".repeat(width - cell.width());
            if *align == ">" { padding + cell } else { cell.clone() + &padding }
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Writes names and values, the values below each other.
///
/// # Errors
///
/// If `out` cannot be written.
pub fn fields(out: &mut dyn Write, fields: &[(impl AsRef<str>, String)]) -> io::Result<()> {
    let width = fields.iter().map(|(name, _)| name.as_ref().chars().count()).max().unwrap_or(0);
    fields.iter().try_for_each(|(name, value)| writeln!(out, "{:<width$}  {value}", name.as_ref()))
}

/// A Markdown table: a left-aligned column of names, then right-aligned ones.
pub fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let aligned = head.iter().enumerate().map(|(c, _)| if c == 0 { "---" } else { "--:" });
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head) + &line(&aligned.map(str::to_owned).collect::<Vec<_>>());
    text.extend(rows.iter().map(|row| line(row)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_on_a_terminal() {
        for (rows, text) in [
            ([["a", "10"], ["long", "9"]], "name   n\na     10\nlong   9\n"),
            ([["苹果", "1"], ["größe", "2"]], "name   n\n苹果   1\ngröße  2\n"),
        ] {
            let mut out = Vec::new();
            write(&mut out, ["<name", ">n"], &rows.map(|row| row.map(String::from))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_markdown_table_names_its_alignment() {
        let text = markdown(&["".into(), "n".into()], &[vec!["a".into(), "1".into()]]);
        assert_eq!(text, "|  | n |\n| --- | --: |\n| a | 1 |\n");
    }
}
