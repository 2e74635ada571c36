//! `cargo xtask record`: a recording of `gradus train --data FILE` on a terminal, as an SVG file that plays once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;
use gradus::drawing::escaped;
use unicode_width::UnicodeWidthStr as _;

use crate::binary::{self, Profile};
use crate::process;

const PAGE: &str = "docs/own-data.svg";
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).expect("above 0");
const ROWS: NonZeroU16 = NonZeroU16::new(32).expect("above 0");
/// Points from one character and from one row to the next, and around all.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;
/// Seconds that a reader has for the command before it answers.
const TYPED: f64 = 1.0;
/// The shortest time that a row is shown for, in seconds: updates that follow each other sooner are one.
const SHORTEST: f64 = 0.1;

/// What is recorded.
#[derive(Args)]
pub(crate) struct RecordArgs {
    /// The table that is trained on.
    #[arg(value_name = "FILE")]
    data: PathBuf,
}

/// Builds the binary, and runs it in an empty folder on a terminal of its own.
///
/// # Errors
///
/// If the program `script` of util-linux is missing, the run fails, or the file cannot be written.
pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<()> {
    ensure!(process::is_installed("script"), "script is not installed (Debian package bsdutils)");
    let binary = binary::build(Profile::Release)?;
    let name = args.data.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "._".contains(sign);
    ensure!(
        !name.is_empty() && name.chars().all(is_plain),
        "{name}: expected a name of ASCII letters, digits, `.` and `_`, since it is typed; rename the file"
    );
    let folder = tempfile::tempdir()?;
    fs::copy(&args.data, folder.path().join(&*name))
        .with_context(|| args.data.display().to_string())?;
    let command = format!("gradus train --data {name}");
    let line = format!("stty cols {COLUMNS} rows {ROWS} && {command}");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", binary.parent().unwrap_or(Path::new("")).display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--log-out", "out", "--log-timing", "times", "--command"]);
    script.arg(&line).current_dir(folder.path()).env("PATH", path).env("TERM", "xterm-256color");
    let read = |name| fs::read(folder.path().join(name)).with_context(|| format!("script: {name}"));
    // What the command says is in the recording.
    process::read(&mut script).with_context(|| {
        read("out")
            .map_or_else(|error| error.to_string(), |out| String::from_utf8_lossy(&out).into())
    })?;
    let times = String::from_utf8(read("times")?)?;
    let rows = shown_rows(&format!("$ {command}"), &read("out")?, &times)?;
    fs::write(PAGE, svg(&command, &rows)).with_context(|| PAGE.to_owned())?;
    println!("{PAGE} is written");
    Ok(())
}

/// A row of the terminal with the same text for some time.
#[derive(Debug, PartialEq)]
struct ShownRow {
    row: usize,
    text: String,
    /// Seconds after the beginning; to the end if there is none.
    from: f64,
    until: Option<f64>,
}

/// Every row below the command as the terminal shows it: `output` begins and ends with a line of `script` itself, and each
/// line of `times` is a delay in seconds and how many bytes follow it.
fn shown_rows(command: &str, output: &[u8], times: &str) -> anyhow::Result<Vec<ShownRow>> {
    let head = output.iter().position(|&byte| byte == b'\n');
    let head = head.context("script: expected a line of its own first, found none")? + 1;
    let (mut rest, mut now, mut captured) = (&output[head..], TYPED, 0.0);
    let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
    let first = ShownRow { row: 0, text: command.to_owned(), from: 0.0, until: None };
    let (mut ended, mut shown) = (vec![first], HashMap::<usize, ShownRow>::new());
    let mut lines = times.lines().peekable();
    while let Some(line) = lines.next() {
        let (delay, n_bytes) = line
            .split_once(' ')
            .with_context(|| format!("script: expected a delay and a number, found {line:?}"))?;
        let (delay, n_bytes): (f64, usize) = (delay.parse()?, n_bytes.parse()?);
        now += delay;
        let (bytes, after) = rest.split_at(n_bytes.min(rest.len()));
        rest = after;
        terminal.process(bytes);
        let next = lines.peek().and_then(|line| line.split_once(' ')?.0.parse().ok());
        if next.is_some_and(|delay: f64| now + delay - captured < SHORTEST) {
            continue;
        }
        captured = now;
        for (row, text) in terminal.screen().rows(0, COLUMNS.get()).enumerate() {
            let text = text.trim_end();
            if shown.get(&row).is_some_and(|shown| shown.text == text) {
                continue;
            }
            if let Some(before) = shown.remove(&row) {
                ended.push(ShownRow { until: Some(now), ..before });
            }
            if !text.is_empty() {
                let text = text.to_owned();
                shown.insert(row, ShownRow { row: row + 1, text, from: now, until: None });
            }
        }
    }
    ensure!(
        shown.values().all(|shown| shown.row < usize::from(ROWS.get())),
        "expected less than {ROWS} rows, so that none leaves the terminal above"
    );
    ended.extend(shown.into_values());
    ended.sort_by(|a, b| a.row.cmp(&b.row).then(a.from.total_cmp(&b.from)));
    Ok(ended)
}

/// Without animation, rows are as at the end.
fn svg(command: &str, rows: &[ShownRow]) -> String {
    let last = rows.iter().map(|row| row.row).max().unwrap_or(0);
    let width = 2.0 * MARGIN + f64::from(COLUMNS.get()) * WIDTH;
    let height = 2.0 * MARGIN + (last + 1) as f64 * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\" fill=\"#e8eaed\">\n\
         <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#14171c\"/>\n",
        escaped(command)
    );
    let set = |to, begin: f64, end: f64| {
        format!(
            "<set attributeName=\"visibility\" to=\"{to}\" begin=\"{begin:.2}s\" end=\"{end:.2}s\"/>"
        )
    };
    for &ShownRow { row, ref text, from, until } in rows {
        let y = MARGIN + (row as f64 + 0.75) * HEIGHT;
        let length = text.width() as f64 * WIDTH;
        let (visibility, set) = match until {
            Some(until) => (" visibility=\"hidden\"", set("visible", from, until)),
            None if from == 0.0 => ("", String::new()),
            None => ("", set("hidden", 0.0, from)),
        };
        let text = escaped(text);
        let _ = writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\"{visibility}>{text}{set}</text>"
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shown_from_one_change_to_the_next() {
        let output = b"Script started\none\r\n10 %\r20 %\x1b[K\r\x1b[Kend\r\nScript done\n";
        let times = "0.5 5\n0.01 5\n0.05 7\n2.0 9\n";
        let shown = shown_rows("$ run", output, times).unwrap();
        let rounded = |time: f64| (time * 100.0).round() / 100.0;
        let shown = shown
            .iter()
            .map(|row| (row.row, &*row.text, rounded(row.from), row.until.map(rounded)));
        let shown: Vec<_> = shown.collect();
        let expected = [
            (0, "$ run", 0.0, None),
            (1, "one", 1.5, None),
            // What is overwritten at once is not shown.
            (2, "20 %", 1.56, Some(3.56)),
            (2, "end", 3.56, None),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_still_picture_is_the_end() {
        let row = |text: &str, from, until| ShownRow { row: 1, text: text.into(), from, until };
        let svg = svg("a < b", &[row("old", 1.0, Some(2.0)), row("new & <", 2.0, None)]);
        assert!(svg.contains("<title>a &lt; b</title>"), "{svg}");
        assert!(svg.contains(
            "old<set attributeName=\"visibility\" to=\"visible\" begin=\"1.00s\" end=\"2.00s\"/>"
        ));
        let hidden = svg.lines().filter(|line| line.contains("visibility=\"hidden\">"));
        assert_eq!(hidden.map(|line| line.contains("old")).collect::<Vec<_>>(), [true], "{svg}");
        assert!(
            svg.contains("new &amp; &lt;<set attributeName=\"visibility\" to=\"hidden\""),
            "{svg}"
        );
    }
}
