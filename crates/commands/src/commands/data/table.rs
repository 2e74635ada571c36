//! A table or a folder of pictures before it is used.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use diagnostics::{did_you_mean, table};
use gradus::data::columns::{
    ColumnDescription, ColumnKind, TableOptions, TableSource, Target, date_text,
};
use gradus::data::{self, ColumnRange, RowMistakes, TableReport};
use gradus::runs::presets;

use super::{DataArgs, picture};
use crate::output::{print, thousands};
use crate::reading::options;

/// Columns of a wide table that are shown: the first ones, and the target.
const SHOWN: usize = 40;
/// Classes that are shown one by one.
const SHOWN_CLASSES: usize = 20;

/// Whether a name is that of data instead of an experiment.
pub(super) fn is_data(name: &str) -> bool {
    let path = Path::new(name);
    let ending = path.extension();
    presets::find(name).is_none()
        && ending.is_none_or(|ending| ending != "toml")
        && (path.exists() || ending.is_some())
}

pub(super) fn run(path: &Path, args: &DataArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut options = options(TableOptions::default(), &args.set)?;
    if let Some(target) = &args.target {
        options.target = Target::Named(target.clone());
    }
    // What can be read is described in any case.
    options.skip_bad_rows = true;
    let source = open(path, &options)?;
    let report = TableReport::of(&*source)?;
    if let Some(file) = &args.svg {
        let picture = picture::of(&*source, &report)?;
        fs::write(file, picture).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, args.json, &report, |report, out| write(report, source.mistakes(), out))
}

/// Opens data; a target that it does not have is corrected in the message.
pub(in crate::commands) fn open(
    path: &Path,
    options: &TableOptions,
) -> anyhow::Result<Box<dyn TableSource>> {
    let error = match data::open(path, options) {
        Ok(source) => return Ok(source),
        Err(error) => error,
    };
    let Target::Named(target) = &options.target else { return Err(error.into()) };
    let known = data::open(path, &TableOptions { target: Target::Last, ..options.clone() });
    let names = known.map(|source| source.description().columns.clone()).unwrap_or_default();
    let hint = did_you_mean(target, names.iter().map(|column| column.name.as_str()));
    Err(anyhow::Error::msg(format!("{error}{hint}")))
}

fn write(report: &TableReport, mistakes: &RowMistakes, out: &mut dyn Write) -> io::Result<()> {
    let about = &report.description;
    let target = match about.target() {
        Some(target) => format!("{}, {}{}", target.name, kind(target), other_target(target)),
        None => "none".to_owned(),
    };
    let fields = [
        ("data", about.name.clone()),
        ("rows", thousands(report.read as u64)),
        ("columns", thousands(about.columns.len() as u64)),
        ("target", target),
        ("duplicates", thousands(report.duplicates as u64)),
    ];
    table::fields(out, &fields)?;
    if !about.findings.is_empty() {
        writeln!(out)?;
        let row = |finding: &data::columns::Finding| {
            let change = match finding.change.as_str() {
                "" => String::new(),
                change => format!("--set '{}'", change.replace(" = ", "=").replace('"', "")),
            };
            [finding.about.clone(), finding.found.clone(), change]
        };
        let rows: Vec<_> = about.findings.iter().map(row).collect();
        table::write(out, ["<read as", "<found", "<changed by"], &rows)?;
    }
    writeln!(out)?;
    columns(report, out)?;
    if let Some(target) = about.target().filter(|target| !target.categories.is_empty()) {
        writeln!(out)?;
        let shown = target.categories.iter().take(SHOWN_CLASSES);
        let rows = shown.map(|(class, count)| [class.clone(), thousands(*count as u64)]);
        table::write(out, ["<class", ">rows"], &rows.collect::<Vec<_>>())?;
        let rest = target.categories.len().saturating_sub(SHOWN_CLASSES);
        if rest > 0 {
            writeln!(out, "and {rest} more")?;
        }
    }
    if !mistakes.is_empty() {
        writeln!(out, "\n{mistakes}")?;
    }
    for (i, warning) in report.warnings.iter().enumerate() {
        writeln!(out, "{}warning: {warning}", if i == 0 { "\n" } else { "" })?;
    }
    Ok(())
}

fn columns(report: &TableReport, out: &mut dyn Write) -> io::Result<()> {
    let about = &report.description;
    let both = || about.columns.iter().zip(&report.ranges);
    let is_target = |column: &ColumnDescription| Some(&column.name) == about.target.as_ref();
    let is_shown = |i: usize, column: &ColumnDescription| i < SHOWN || is_target(column);
    let shown = both().enumerate().filter(|(i, (column, _))| is_shown(*i, column));
    let rows = shown.map(|(_, (column, range))| {
        [
            column.name.clone(),
            kind(column),
            thousands(column.missing as u64),
            range.map_or(String::new(), |range| range_text(column.kind, range)),
            column.reason.clone(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    table::write(out, ["<column", "<kind", ">missing", "<range", "<because"], &rows)?;
    let rest = about.columns.len() - rows.len();
    if rest > 0 { writeln!(out, "and {rest} more; --json shows all") } else { Ok(()) }
}

/// How whole numbers of a target become a regression instead of classes, or the other way round.
fn other_target(target: &ColumnDescription) -> String {
    let name = &target.name;
    match target.kind {
        ColumnKind::WholeCategory => format!("; for a regression --set 'kinds.{name}=number'"),
        ColumnKind::Number => format!("; for classes --set 'kinds.{name}=whole_category'"),
        _ => String::new(),
    }
}

/// The kind of a column, with its number of classes or its shape.
fn kind(column: &ColumnDescription) -> String {
    match column.kind {
        kind if kind.has_categories() => format!("{kind} ({})", column.categories.len()),
        ColumnKind::Array => format!("array {:?}", column.shape),
        kind => kind.to_string(),
    }
}

fn range_text(kind: ColumnKind, ColumnRange { low, high, .. }: ColumnRange) -> String {
    match kind {
        ColumnKind::Date => format!("{} to {}", date_text(low), date_text(high)),
        _ => format!("{} to {}", number(low), number(high)),
    }
}

/// A number with five digits or so; whole ones with all.
fn number(number: f64) -> String {
    match number.abs() {
        _ if number.fract() == 0.0 && number.abs() < 1e15 => number.to_string(),
        1e-3..1e6 => {
            let text = format!("{number:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => format!("{number:.3e}"),
    }
}
