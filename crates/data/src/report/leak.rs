//! Columns that alone predict the target: they are often a result of it, and absent when a prediction is needed.
//!
//! Of a sample of the rows every second one makes a rule (the most frequent class, or the mean, of each category, or of
//! each of up to 64 equally full ranges of numbers), and the others measure it.

use std::collections::BTreeMap;

use crate::columns::{Cells, MISSING, Table, TableDescription};

/// The most rows of a sample.
const MOST_ROWS: usize = 50_000;
/// Fewer rows measure nothing.
const LEAST_ROWS: usize = 50;
/// Ranges of numbers, and the fewest rows of one.
const RANGES: usize = 64;
const ROWS_OF_RANGE: usize = 5;
/// The accuracy, or the share of the variance, that a single column hardly has unless it is a result of the target.
const SUSPICIOUS: f64 = 0.99;

/// Some rows: numbers, and codes as numbers; NaN where a cell is missing.
pub(super) struct Sample {
    columns: Vec<Option<Vec<f64>>>,
    target: Option<usize>,
    /// Whether the column has codes.
    is_code: Vec<bool>,
    /// One row in so many.
    every: usize,
}

/// A column that alone predicts the target.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leak {
    pub(super) column: String,
    /// The accuracy, or the share of the variance that it explains.
    pub(super) score: f64,
    /// The accuracy of the most frequent class; none for a regression.
    pub(super) majority: Option<f64>,
}

impl Sample {
    pub(super) fn new(description: &TableDescription) -> Self {
        let target = description.target.as_ref();
        let columns = &description.columns;
        Self {
            columns: columns.iter().map(|column| column.kind.is_feature().then(Vec::new)).collect(),
            target: target.and_then(|name| columns.iter().position(|column| column.name == *name)),
            is_code: columns.iter().map(|column| column.kind.has_categories()).collect(),
            every: description.rows.div_ceil(MOST_ROWS).max(1),
        }
    }

    /// Takes its rows of a block, whose first row has this number.
    pub(super) fn add(&mut self, block: &Table, first: usize) {
        let rows = || (0..block.len()).filter(|row| (first + row).is_multiple_of(self.every));
        for (values, column) in self.columns.iter_mut().zip(block.columns()) {
            let Some(values) = values else { continue };
            match &column.cells {
                Cells::Numbers(numbers) => values.extend(rows().map(|row| numbers[row])),
                Cells::Categories { codes, .. } => {
                    values.extend(rows().map(|row| match codes[row] {
                        MISSING => f64::NAN,
                        code => f64::from(code),
                    }))
                }
                Cells::Texts(_) | Cells::Arrays { .. } => {}
            }
        }
    }

    /// The columns that alone predict the target.
    pub(super) fn leaks(&self, description: &TableDescription) -> Vec<Leak> {
        let target = self.target.and_then(|i| Some((i, self.columns[i].as_ref()?)));
        let Some((target, values)) = target.filter(|(_, values)| values.len() >= LEAST_ROWS) else {
            return Vec::new();
        };
        let features: Vec<usize> = (0..self.columns.len())
            .filter(|&i| {
                i != target && self.columns[i].as_ref().is_some_and(|of| of.len() == values.len())
            })
            .collect();
        // What a single feature predicts is what there is to learn.
        if features.len() < 2 {
            return Vec::new();
        }
        let leak = |i: usize| {
            let groups = groups(self.columns[i].as_ref()?, self.is_code[i]);
            let column = description.columns[i].name.clone();
            if self.is_code[target] {
                let (score, majority) = accuracy(&groups, values);
                let explains = 1.0 - score <= (1.0 - majority) / 10.0;
                let leak = Leak { column, score, majority: Some(majority) };
                return (score >= SUSPICIOUS && explains && majority < 1.0).then_some(leak);
            }
            let score = explained(&groups, values);
            (score >= SUSPICIOUS).then_some(Leak { column, score, majority: None })
        };
        features.into_iter().filter_map(leak).collect()
    }
}

/// The group of each row: its category, or the range of its number; none if it is missing.
fn groups(values: &[f64], is_code: bool) -> Vec<Option<usize>> {
    if is_code {
        return values.iter().map(|code| (!code.is_nan()).then_some(*code as usize)).collect();
    }
    let mut sorted: Vec<f64> =
        values.iter().step_by(2).copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let n = (sorted.len() / ROWS_OF_RANGE).clamp(1, RANGES);
    let mut edges: Vec<f64> = (1..n).map(|i| sorted[i * sorted.len() / n]).collect();
    edges.dedup();
    let range = |value: f64| edges.partition_point(|&edge| edge <= value);
    values.iter().map(|&value| (!value.is_nan()).then(|| range(value))).collect()
}

/// The accuracy of the most frequent class of each group, and of the most frequent one of all.
fn accuracy(groups: &[Option<usize>], classes: &[f64]) -> (f64, f64) {
    let mut of_group: BTreeMap<Option<usize>, BTreeMap<u64, usize>> = BTreeMap::new();
    let mut of_all: BTreeMap<u64, usize> = BTreeMap::new();
    for (group, class) in groups.iter().zip(classes).step_by(2) {
        *of_group.entry(*group).or_default().entry(class.to_bits()).or_default() += 1;
        *of_all.entry(class.to_bits()).or_default() += 1;
    }
    let most = |counts: &BTreeMap<u64, usize>| {
        counts.iter().max_by_key(|(_, count)| **count).map(|(&class, _)| class)
    };
    let majority = most(&of_all);
    let rules: BTreeMap<_, _> =
        of_group.iter().map(|(group, counts)| (group, most(counts))).collect();
    let (mut n, mut right, mut right_majority) = (0.0, 0.0, 0.0);
    for (group, class) in groups.iter().zip(classes).skip(1).step_by(2) {
        let class = Some(class.to_bits());
        n += 1.0;
        right += f64::from(u8::from(*rules.get(group).unwrap_or(&majority) == class));
        right_majority += f64::from(u8::from(majority == class));
    }
    (right / n, right_majority / n)
}

/// The share of the targets' variance that the means of groups explain.
fn explained(groups: &[Option<usize>], targets: &[f64]) -> f64 {
    let known = |from: usize| {
        let rows = groups.iter().zip(targets).skip(from).step_by(2);
        rows.filter(|(_, target)| target.is_finite())
    };
    let mut sums: BTreeMap<Option<usize>, (f64, f64)> = BTreeMap::new();
    let (mut n, mut sum) = (0.0, 0.0);
    for (group, target) in known(0) {
        let of = sums.entry(*group).or_default();
        (of.0, of.1) = (of.0 + 1.0, of.1 + target);
        (n, sum) = (n + 1.0, sum + target);
    }
    let mean = sum / n;
    let (mut rest, mut all) = (0.0, 0.0);
    for (group, target) in known(1) {
        let predicted = sums.get(group).map_or(mean, |(n, sum)| sum / n);
        rest += (target - predicted) * (target - predicted);
        all += (target - mean) * (target - mean);
    }
    if all > 0.0 { 1.0 - rest / all } else { 0.0 }
}
