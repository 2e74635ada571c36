//! A table or a folder of pictures as a picture.

use gradus::data::columns::{Cells, ColumnKind, TableDescription, TableSource};
use gradus::data::{
    ColumnDistribution, DistributionCounts, Features, TableDistributions, TableReport,
};
use gradus::drawing::{ChartPage, ChartPanel, ChartRow, ChartShapes, SvgPicture};
use gradus::explain::six_digits;

use crate::output::{day, thousands};
use crate::samples::{SampleRow, picture_shape};

/// Columns that are drawn.
const MOST_COLUMNS: usize = 60;
/// Classes whose pictures are shown, and pictures of each.
const MOST_CLASSES: usize = 20;
const PICTURES: usize = 10;
/// Numbers of all pictures that are shown together, at most.
const MOST_NUMBERS: usize = 1 << 24;
/// Pictures that are read at a time.
const BLOCK: usize = 32;
/// Around the pictures, above them, and the height of the pictures of a class and of its name.
const MARGIN: f64 = 20.0;
const TOP: f64 = 56.0;
const SIDE: f64 = 64.0;
const NAME: f64 = 24.0;

const STYLE: &str = "\
    .page { font-size: 16px; font-weight: 600; }\n\
    .page, .name { fill: var(--ink); text-anchor: start; }\n";

/// A chart for each column, or pictures of each class.
pub(super) fn of(source: &dyn TableSource, report: &TableReport) -> anyhow::Result<String> {
    match pictures(&report.description) {
        Some((column, shape)) => of_pictures(source, report, column, shape),
        None => of_columns(source, report),
    }
}

/// The column of pictures, if that is what the data is.
fn pictures(about: &TableDescription) -> Option<(&str, [usize; 3])> {
    let mut features = about
        .columns
        .iter()
        .filter(|column| column.kind.is_feature() && Some(&column.name) != about.target.as_ref());
    let (column, others) = (features.next()?, features.next());
    let shape = picture_shape(&column.shape)?;
    others.is_none().then_some((&*column.name, shape))
}

fn of_columns(source: &dyn TableSource, report: &TableReport) -> anyhow::Result<String> {
    let about = &report.description;
    let TableDistributions { groups, columns } =
        TableDistributions::of(source, report, MOST_COLUMNS)?;
    let rows = report.read;
    let is_counted = |kind: ColumnKind| {
        kind.has_categories() || matches!(kind, ColumnKind::Number | ColumnKind::Date)
    };
    let known = about.columns.iter().filter(|column| is_counted(column.kind)).count();
    let mut title = format!("{}: {} rows", about.name, thousands(rows as u64));
    if known > columns.len() {
        title += &format!("; the first {MOST_COLUMNS} of {known} columns");
    }
    if let Some(target) = about.target().filter(|_| groups.len() > 1) {
        title += &format!("; colours: {}", target.name);
    }
    let chart = |column: ColumnDistribution| chart(column, rows, about);
    let series = if groups.len() > 1 { groups } else { Vec::new() };
    let charts = columns.into_iter().map(chart).collect();
    Ok(ChartPage { title, series, charts, number: six_digits }.svg())
}

fn chart(column: ColumnDistribution, rows: usize, about: &TableDescription) -> ChartPanel {
    let numbers = |counts: Vec<usize>| counts.into_iter().map(|count| count as f64).collect();
    let target = if Some(&column.column) == about.target.as_ref() { ", target" } else { "" };
    let missing = match column.missing {
        0 => String::new(),
        n => format!(", {} missing ({:.1} %)", thousands(n as u64), 100.0 * n as f64 / rows as f64),
    };
    let shapes = match column.counts {
        DistributionCounts::Bins { ends, rows } => ChartShapes::Histogram {
            ends,
            bins: rows.into_iter().map(numbers).collect(),
            text: if column.kind == ColumnKind::Date { day } else { six_digits },
        },
        DistributionCounts::Categories(rows) => {
            let row = |(name, counts)| ChartRow { name, values: numbers(counts), deviation: None };
            ChartShapes::Bars(rows.into_iter().map(row).collect())
        }
    };
    ChartPanel {
        title: column.column,
        note: format!("{}{target}{missing}", column.kind),
        values: "rows".to_owned(),
        shapes,
    }
}

/// The first pictures of each class, or of all.
fn of_pictures(
    source: &dyn TableSource,
    report: &TableReport,
    column: &str,
    shape: [usize; 3],
) -> anyhow::Result<String> {
    let about = &report.description;
    let classes = about.target().map_or(&[][..], |target| &target.categories);
    let names: Vec<(String, usize)> = match classes {
        [] => vec![("all pictures".to_owned(), about.rows)],
        classes => classes.iter().take(MOST_CLASSES).cloned().collect(),
    };
    let len: usize = shape.iter().product();
    let most = (MOST_NUMBERS / (len.max(1) * names.len())).clamp(1, PICTURES);
    let mut shown: Vec<Vec<f32>> = vec![Vec::new(); names.len()];
    let is_whole = |values: &Vec<f32>, rows: usize| values.len() >= len * most.min(rows);
    for block in source.blocks(BLOCK)? {
        let block = block?;
        let pictures = block.column(column).map(|column| &column.cells);
        let Some(Cells::Arrays { values, .. }) = pictures else { continue };
        let labels = about.target.as_ref().and_then(|target| block.column(target));
        for row in 0..block.len() {
            let class = match labels.filter(|_| !classes.is_empty()) {
                Some(labels) => {
                    let label = labels.cells.text(row);
                    names.iter().position(|(name, _)| Some(&**name) == label.as_deref())
                }
                None => Some(0),
            };
            let Some(shown) = class.map(|class| &mut shown[class]) else { continue };
            if shown.len() < len * most {
                let range = row * len..(row + 1) * len;
                match values {
                    Features::U8(values) => {
                        shown.extend(values[range].iter().map(|&byte| f32::from(byte)));
                    }
                    Features::F32(values) => shown.extend_from_slice(&values[range]),
                }
            }
        }
        if shown.iter().zip(&names).all(|(values, (_, rows))| is_whole(values, *rows)) {
            break;
        }
    }
    let mut columns = about.columns.iter().zip(&report.ranges);
    let range = columns.find_map(|(found, range)| range.filter(|_| found.name == column));
    let range = range.map_or([0.0, 1.0], |range| [range.low as f32, range.high as f32]);
    Ok(sheet(about, &names, shown, (shape, range)))
}

fn sheet(
    about: &TableDescription,
    names: &[(String, usize)],
    shown: Vec<Vec<f32>>,
    (shape, range): ([usize; 3], [f32; 2]),
) -> String {
    let [height, width, channels] = shape;
    let len = (height * width * channels).max(1);
    let longest = shown.iter().map(|values| values.len() / len).max().unwrap_or(0).max(1);
    let scale = SIDE / height.max(width).max(1) as f64;
    let [across, down] = [width, height].map(|size| size as f64 * scale + 4.0);
    let size = [
        (2.0 * MARGIN + across * longest as f64).max(420.0),
        TOP + (down + NAME) * names.len() as f64 + MARGIN,
    ];
    let mut picture = SvgPicture::new(size, STYLE);
    let of_classes = about.target().map_or(0, |target| target.categories.len());
    let some = match of_classes > names.len() {
        true => format!("; the first {} of {of_classes} classes", names.len()),
        false => String::new(),
    };
    let title = format!("{}: {} pictures{some}", about.name, thousands(about.rows as u64));
    picture.text("page", [MARGIN, 30.0], &title);
    for (i, ((name, rows), values)) in names.iter().zip(shown).enumerate() {
        let y = TOP + (down + NAME) * i as f64;
        picture.text("name", [MARGIN, y + 12.0], &format!("{name} ({})", thousands(*rows as u64)));
        let size = [across * (values.len() / len) as f64, down];
        SampleRow { shape, values: &values, range }.draw(
            &mut picture,
            [MARGIN, y + NAME - 4.0],
            size,
        );
    }
    picture.finish()
}
