//! What spoils results, in the order of its weight.

use super::TableReport;
use super::leak::{Leak, Sample};
use crate::columns::{ColumnDescription, ColumnKind, TableDescription};

/// Rows of a class below which its results mean little.
const FEW_ROWS: usize = 10;
/// A class with a larger share makes accuracy look good.
const LARGE_SHARE: f64 = 0.9;
/// Names that are listed.
const LISTED: usize = 5;

pub(super) fn of(report: &TableReport, sample: &Sample) -> Vec<String> {
    let mut warnings = Vec::new();
    let target = report.description.target();
    if let Some(target) = target {
        of_target(target, report.read, &mut warnings);
    }
    for Leak { column, score, majority } in sample.leaks(&report.description) {
        let score = score * 100.0;
        let rule = match majority {
            Some(majority) => format!(
                "predicts the target in {score:.1} % of rows, the most frequent class in {:.1} %",
                majority * 100.0
            ),
            None => format!("explains {score:.1} % of the target's variance"),
        };
        warnings.push(format!(
            "column `{column}` alone {rule}: is it known when a prediction is needed, or a result of the target? If \
             so, leave it out"
        ));
    }
    of_features(&report.description, report.read, &mut warnings);
    if report.duplicates > 0 {
        let n = report.duplicates;
        warnings.push(format!(
            "{n} rows are the same as one before: where one is in the training set and the other in the test set, the \
             test measures memory"
        ));
    }
    if report.mistakes > 0 {
        warnings.push(format!("{} mistakes: training stops at them unless `skip_bad_rows = true` leaves such rows out", report.mistakes));
    }
    warnings
}

impl TableDescription {
    /// What spoils results, as far as it is known without another look at the rows.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(target) = self.target() {
            of_target(target, self.rows, &mut warnings);
        }
        of_features(self, self.rows, &mut warnings);
        warnings
    }
}

fn of_features(description: &TableDescription, rows: usize, warnings: &mut Vec<String>) {
    let is_target = |column: &ColumnDescription| Some(&column.name) == description.target.as_ref();
    for column in description.columns.iter().filter(|column| !is_target(column)) {
        let ColumnDescription { name, reason, .. } = column;
        match column.kind {
            ColumnKind::Constant => {
                warnings.push(format!("column `{name}` is constant ({reason}): it is not used"))
            }
            ColumnKind::Identifier => {
                warnings
                    .push(format!("column `{name}` identifies rows ({reason}): it is not used"));
            }
            _ if column.missing * 2 > rows => {
                let missing = column.missing;
                warnings.push(format!("column `{name}` is missing in {missing} of {rows} rows"));
            }
            _ => {}
        }
    }
}

fn of_target(target: &ColumnDescription, rows: usize, warnings: &mut Vec<String>) {
    let ColumnDescription { name, kind, missing, categories, .. } = target;
    match kind {
        ColumnKind::Constant => {
            warnings.push(format!("target `{name}` has one value ({}): nothing is to be learnt", target.reason));
        }
        ColumnKind::Identifier => warnings.push(format!(
            "target `{name}` differs in nearly all rows ({}): nothing is to be learnt; name another one",
            target.reason
        )),
        _ => {}
    }
    if *missing > 0 {
        warnings.push(format!(
            "target `{name}` is missing in {missing} rows, which teach and test nothing"
        ));
    }
    if categories.len() < 2 {
        return;
    }
    let mut few: Vec<_> = categories.iter().filter(|(_, count)| *count < FEW_ROWS).collect();
    few.sort_by_key(|(_, count)| *count);
    if !few.is_empty() {
        let listed: Vec<_> =
            few.iter().take(LISTED).map(|(class, count)| format!("{class}: {count}")).collect();
        let rest = if few.len() > LISTED { ", …" } else { "" };
        warnings.push(format!(
            "{} of {} classes have fewer than {FEW_ROWS} rows ({}{rest}): their results mean little",
            few.len(),
            categories.len(),
            listed.join(", ")
        ));
    }
    let largest = categories.iter().max_by_key(|(_, count)| *count);
    if let Some((class, count)) =
        largest.filter(|(_, count)| *count as f64 > LARGE_SHARE * rows as f64)
    {
        let share = *count as f64 / rows as f64 * 100.0;
        warnings.push(format!(
            "{share:.1} % of rows are of class {class}: accuracy is as high without learning; look at balanced accuracy"
        ));
    }
    let begin_at_1 =
        (1..).zip(categories).all(|(i, (class, _)): (usize, _)| *class == i.to_string());
    if *kind == ColumnKind::WholeCategory && begin_at_1 {
        warnings.push(format!(
            "labels begin at 1: class 1 is output 0 of the network, and 1 to {} are its names",
            categories.len()
        ));
    }
}
