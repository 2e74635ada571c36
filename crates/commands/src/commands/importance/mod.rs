//! `importance`: which columns a model relies on, and how its predictions depend on one.

mod picture;

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use diagnostics::table;
use gradus::data::columns::{ColumnKind, DrawnRows, Table, date_text};
use gradus::events::Part;
use gradus::explain::six_digits;
use gradus::graph::Pool;
use gradus::runs::SavedModel;
use gradus::train::importance::{
    ColumnValue, ImportanceReport, PartialDependence, PermutationImportance,
};

use super::eval::part;
use crate::experiment::warn;
use crate::model::read_model;
use crate::output::{metric, print, thousands};
use crate::reading::{ReadingArgs, show_findings, with_targets};
use crate::threads::ThreadsArgs;

/// Rows over which predictions are averaged, at most.
const DEPENDENCE_ROWS: usize = 1000;
/// Features of all rows together, at most: 256 MB.
const MOST_FEATURES: usize = 1 << 26;
/// Classes whose probabilities are shown side by side.
const SHOWN_CLASSES: usize = 8;

/// Show which columns of a table a model relies on or, with --column, what it predicts for each value of one.
///
/// Importance: the cells of a column are permuted among the rows, before any transform, and the model is measured again; what
/// is lost is what the column was worth to the model. Columns that tell the same share their worth. With --column: the mean
/// prediction over at most 1,000 rows if the column had one value in all of them, for quantiles of a number and for each
/// category.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportanceArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Set of the run to use, made again from its experiment: train, validation or test.
    #[arg(long, value_name = "SET", default_value = "test", value_parser = part, conflicts_with = "data")]
    part: Part,

    /// Data to use instead, with the columns of the training data and the target: a table or NumPy arrays.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    #[command(flatten)]
    reading: ReadingArgs,

    /// Show what is predicted for each value of this column.
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Values of a number at which the model is asked.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=200), requires = "column")]
    points: u16,

    /// Permutations of each column.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000), conflicts_with = "column")]
    repeats: u32,

    /// Rows to use at most, drawn by the seed.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    rows: u32,

    /// Seed of the drawn rows and of the permutations.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Write a picture, for light and dark ground.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ImportanceArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = read_model(&args.model)?;
    let rows = rows(args, &model)?;
    let data = match args.data {
        Some(_) => rows.name().to_owned(),
        None => format!("{}, {} set", rows.name(), args.part),
    };
    let pool = Arc::new(Pool::new(args.threads.count()));
    let write_picture = |picture: String| match &args.svg {
        Some(file) => {
            fs::write(file, picture).with_context(|| format!("writing {}", file.display()))
        }
        None => Ok(()),
    };
    match &args.column {
        Some(column) => {
            let points = args.points.into();
            let found = PartialDependence::of(&model, &rows, column, points, &pool)?;
            write_picture(picture::of_dependence(&found, &file_name(&data)))?;
            print(out, args.json, &found, |found, out| write_dependence(found, &data, out))
        }
        None => {
            let permuted = PermutationImportance { repeats: args.repeats, seed: args.seed };
            let found = permuted.run(&model, &rows, &pool)?;
            let unit = match model.experiment.train.loss.is_in_nats() {
                true => "nats",
                false => model.experiment.train.loss.name(),
            };
            write_picture(picture::of_importance(&found, &file_name(&data), unit))?;
            print(out, args.json, &found, |found, out| {
                write_importance(found, &data, args.repeats, out)
            })
        }
    }
}

/// Data without its folder.
fn file_name(data: &str) -> String {
    let name = Path::new(data).file_name();
    name.map_or_else(|| data.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The rows before any transform, with their targets.
fn rows(args: &ImportanceArgs, model: &SavedModel) -> anyhow::Result<Table> {
    let asked = match args.column {
        Some(_) => DEPENDENCE_ROWS.min(args.rows as usize),
        None => args.rows as usize,
    };
    let most = asked.min(MOST_FEATURES / model.transforms.width().max(1)).max(2);
    let Some(file) = &args.data else {
        let mut drawn = DrawnRows::new(most, args.seed);
        let mut add = |block: &Table, rows: &[usize]| {
            drawn.add(block, rows);
            ControlFlow::Continue(())
        };
        model.experiment.data.read_part(args.part, gradus::mnist, &mut add)?;
        let part = args.part;
        return drawn.finish().with_context(|| {
            format!(
                "--part {part}: the run has no {part} set, expected data.{part} in its experiment"
            )
        });
    };
    let options = args.reading.options(model)?;
    let mut source = with_targets(std::slice::from_ref(file), &options, &model.transforms)?;
    warn(source.notes());
    let rows = source.draw(most, args.seed)?;
    show_findings(&source);
    Ok(rows)
}

fn write_importance(
    found: &ImportanceReport,
    data: &str,
    repeats: u32,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut fields = vec![
        ("data".to_owned(), data.to_owned()),
        ("rows".to_owned(), thousands(found.rows as u64)),
    ];
    let label = |name: &str| name.replace('_', " ");
    fields.extend(found.measured.iter().map(|each| (label(each.metric), metric(each.value))));
    table::fields(out, &fields)?;
    let times = if repeats == 1 { "once".to_owned() } else { format!("{repeats} times") };
    writeln!(out, "\nchange if the cells of a column are permuted among the rows, {times}:")?;
    let metrics = found
        .measured
        .iter()
        .flat_map(|each| [format!(">{}", label(each.metric)), ">deviation".to_owned()]);
    let headings: Vec<String> = std::iter::once("<column".to_owned()).chain(metrics).collect();
    let rows = found.columns.iter().map(|column| {
        let changes = column.changes.iter().flat_map(|change| {
            let sign = if change.change.mean > 0.0 { "+" } else { "" };
            let deviation = change.change.deviation;
            let deviation = if deviation.is_nan() { "–".to_owned() } else { metric(deviation) };
            [format!("{sign}{}", metric(change.change.mean)), deviation]
        });
        std::iter::once(column.column.clone()).chain(changes).collect::<Vec<_>>()
    });
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    table::write(out, headings, &rows.collect::<Vec<_>>())
}

fn write_dependence(found: &PartialDependence, data: &str, out: &mut dyn Write) -> io::Result<()> {
    let shown = shown_classes(found);
    let fields = [
        ("data", data.to_owned()),
        ("rows", thousands(found.rows as u64)),
        ("column", format!("{}, {}, {} missing", found.column, found.kind, found.missing)),
        ("prediction", predicted(found)),
    ];
    table::fields(out, &fields)?;
    writeln!(out, "\nmean prediction if all rows had a value:")?;
    let names = shown.iter().map(|&output| format!(">{}", output_name(found, output)));
    let headings: Vec<String> =
        std::iter::once(format!("<{}", found.column)).chain(names).collect();
    let number = if found.classes.is_empty() { six_digits } else { metric };
    let rows = found.points.iter().map(|point| {
        let means = shown.iter().map(|&output| number(point.means[output]));
        std::iter::once(value_text(found.kind, &point.value)).chain(means).collect::<Vec<_>>()
    });
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    table::write(out, headings, &rows.collect::<Vec<_>>())?;
    let hidden = outputs(found) - shown.len();
    if hidden > 0 {
        writeln!(out, "and {hidden} classes that change less; --json shows all")?;
    }
    Ok(())
}

/// What is averaged.
fn predicted(found: &PartialDependence) -> String {
    match (found.classes.is_empty(), found.has_probabilities) {
        (true, _) => found.target.clone(),
        (false, true) => format!("probability of each class of {}", found.target),
        (false, false) => format!("score of each class of {}", found.target),
    }
}

fn outputs(found: &PartialDependence) -> usize {
    found.points.first().map_or(0, |point| point.means.len())
}

/// The outputs that are shown: all, or of many those whose mean changes most, in their order.
fn shown_classes(found: &PartialDependence) -> Vec<usize> {
    let change = |output: usize| {
        let means = found.points.iter().map(|point| point.means[output]);
        let [low, high] = means.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], mean| {
            [low.min(mean), high.max(mean)]
        });
        high - low
    };
    let mut shown: Vec<usize> = (0..outputs(found)).collect();
    shown.sort_by(|&a, &b| change(b).total_cmp(&change(a)));
    shown.truncate(SHOWN_CLASSES);
    shown.sort_unstable();
    shown
}

/// The name of a class, of the target, or of one of its numbers.
fn output_name(found: &PartialDependence, output: usize) -> String {
    match found.classes.get(output) {
        Some(class) => class.clone(),
        None if outputs(found) == 1 => found.target.clone(),
        None => format!("{}[{output}]", found.target),
    }
}

fn value_text(kind: ColumnKind, value: &ColumnValue) -> String {
    match value {
        ColumnValue::Number(seconds) if kind == ColumnKind::Date => date_text(*seconds),
        ColumnValue::Number(number) => six_digits(*number),
        ColumnValue::Category(name) => name.clone(),
    }
}
