//! Importance and dependence as charts.

use gradus::data::columns::ColumnKind;
use gradus::drawing::{ChartPage, ChartPanel, ChartRow, ChartShapes};
use gradus::explain::six_digits;
use gradus::train::importance::{ColumnValue, ImportanceReport, PartialDependence};

use super::{output_name, predicted, shown_classes};
use crate::output::{day, thousands};

/// Columns that are drawn: the most important ones.
const MOST_COLUMNS: usize = 40;

/// A bar for each column: what its permutation adds to the loss, with the standard deviation.
pub(super) fn of_importance(found: &ImportanceReport, data: &str, unit: &str) -> String {
    let rows = found.columns.iter().take(MOST_COLUMNS).map(|column| {
        let change = column.changes[0].change;
        ChartRow {
            name: column.column.clone(),
            values: vec![change.mean],
            deviation: Some(change.deviation),
        }
    });
    let rows: Vec<_> = rows.collect();
    let hidden = found.columns.len() - rows.len();
    let note = match hidden {
        0 => format!("{} rows; lines: standard deviation", thousands(found.rows as u64)),
        _ => format!("the first {MOST_COLUMNS} of {} columns", found.columns.len()),
    };
    let chart = ChartPanel {
        title: "Permutation importance".to_owned(),
        note,
        values: format!("added to the loss ({unit})"),
        shapes: ChartShapes::Bars(rows),
    };
    page(data.to_owned(), Vec::new(), chart)
}

/// Of a number a line for each class, of a category a dot.
pub(super) fn of_dependence(found: &PartialDependence, data: &str) -> String {
    let outputs = shown_classes(found);
    let is_number = matches!(found.points[0].value, ColumnValue::Number(_));
    let shapes = if is_number {
        let number = |value: &ColumnValue| match value {
            ColumnValue::Number(number) => *number,
            ColumnValue::Category(_) => f64::NAN,
        };
        let values = |output: usize| found.points.iter().map(|p| p.means[output]).collect();
        ChartShapes::Lines {
            xs: found.points.iter().map(|point| number(&point.value)).collect(),
            lines: outputs.iter().map(|&output| values(output)).collect(),
            text: if found.kind == ColumnKind::Date { day } else { six_digits },
        }
    } else {
        let rows = found.points.iter().map(|point| ChartRow {
            name: super::value_text(found.kind, &point.value),
            values: outputs.iter().map(|&output| point.means[output]).collect(),
            deviation: None,
        });
        ChartShapes::Dots(rows.collect())
    };
    let series = match found.classes.is_empty() {
        true => Vec::new(),
        false => outputs.iter().map(|&output| output_name(found, output)).collect(),
    };
    let chart = ChartPanel {
        title: found.column.clone(),
        note: format!("partial dependence: mean over {} rows", thousands(found.rows as u64)),
        values: predicted(found),
        shapes,
    };
    page(data.to_owned(), series, chart)
}

fn page(title: String, series: Vec<String>, chart: ChartPanel) -> String {
    ChartPage { title, series, charts: vec![chart], number: six_digits }.svg()
}
