//! Missing cells: the median of the training part, or a category of their own.
//!
//! A number gets a second feature, `age is missing`, if its column misses cells in the training part. A category that is
//! missing there is one more category; if it is missing in other rows only, it is as one that training did not have.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FitRows, FittedTransform, Fitting,
    TransformSettings,
};
use crate::statistics::SampledNumbers;

/// Missing cells become the median, or a category of their own.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `flag` | `true` | whether a feature says which numbers were missing |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Impute {
    /// Whether a feature says which numbers were missing.
    pub flag: bool,
}

/// What missing cells become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedImpute {
    /// The median of each number, 0 if all its cells are missing; the code of missing cells if these are a category; empty
    /// for categories that training does not miss.
    pub values: Vec<f64>,
    /// Whether a feature says which cells of each number were missing.
    pub flags: Vec<bool>,
}

impl Default for Impute {
    fn default() -> Self {
        Self { flag: true }
    }
}

impl TransformSettings for Impute {
    fn name(&self) -> &'static str {
        "impute"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        Some(content)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        if input.content == CellContent::Category {
            let n = usize::from(input.has_missing);
            let values = vec![input.categories.len() as f64; n];
            return Fitting::Done(FittedImpute { values, flags: vec![false; n] }.into());
        }
        let n = input.open.len();
        let numbers = vec![SampledNumbers::new(); n];
        Fitting::NeedsRows(Box::new(ImputeRows {
            flag: self.flag,
            numbers,
            missing: vec![false; n],
        }))
    }
}

struct ImputeRows {
    flag: bool,
    numbers: Vec<SampledNumbers>,
    missing: Vec<bool>,
}

impl FitRows for ImputeRows {
    fn add(&mut self, open: &[f64], limit: usize) {
        for ((numbers, missing), &x) in self.numbers.iter_mut().zip(&mut self.missing).zip(open) {
            match x.is_nan() {
                true => *missing = true,
                false => numbers.add(x, limit),
            }
        }
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let sampled = self.numbers.iter().find_map(SampledNumbers::sampled);
        let median =
            |numbers: SampledNumbers| numbers.quantiles([0.5]).map_or(0.0, |[median]| median);
        let flags = self.missing.iter().map(|&missing| missing && self.flag).collect();
        let values = self.numbers.into_iter().map(median).collect();
        (FittedImpute { values, flags }.into(), sampled)
    }
}

impl ApplyTransform for FittedImpute {
    fn output(&self, mut input: ColumnValues) -> Option<ColumnValues> {
        if input.content == CellContent::Category && self.values.is_empty() {
            return self.flags.is_empty().then_some(input);
        }
        if input.content == CellContent::Category {
            let is_fitted = self.values == [input.categories.len() as f64] && self.flags == [false];
            input.categories.push(" is missing".to_owned());
            return is_fitted.then_some(ColumnValues { has_missing: false, ..input });
        }
        let n = input.open.len();
        let is_fitted = self.values.len() == n
            && self.flags.len() == n
            && self.values.iter().all(|x| x.is_finite());
        let flagged = input.open.iter().zip(&self.flags).filter(|(_, flag)| **flag);
        input.finished.extend(flagged.map(|(name, _)| format!("{name} is missing")));
        is_fitted.then_some(input)
    }

    fn apply(&self, cell: &mut CellValues) {
        for ((x, value), &flag) in cell.open.iter_mut().zip(&self.values).zip(&self.flags) {
            let is_missing = x.is_nan();
            if is_missing {
                *x = *value;
            }
            if flag {
                cell.finished.push(f64::from(u8::from(is_missing)));
            }
        }
    }
}
