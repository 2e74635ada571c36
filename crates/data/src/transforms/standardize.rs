//! Standardised numbers: `(x - mean) / deviation` of the training part, in `f64`.
//!
//! A column that is constant in the training part is divided by 1: its training rows become exactly 0.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FitRows, FittedTransform, Fitting,
    TransformSettings, are_scales, scaled,
};
use crate::statistics::RunningMoments;

/// Mean 0 and standard deviation 1. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardize {}

/// Mean and standard deviation of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedStandardize {
    /// The mean of each number.
    pub means: Vec<f64>,
    /// Its standard deviation (divided by the number of rows), or 1 if that is 0.
    pub deviations: Vec<f64>,
}

impl TransformSettings for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content != CellContent::Category).then_some(CellContent::Number)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        Fitting::NeedsRows(Box::new(StandardizeRows(vec![
            RunningMoments::default();
            input.open.len()
        ])))
    }
}

struct StandardizeRows(Vec<RunningMoments>);

impl FitRows for StandardizeRows {
    fn add(&mut self, open: &[f64], _limit: usize) {
        let known = self.0.iter_mut().zip(open).filter(|(_, x)| !x.is_nan());
        known.for_each(|(moments, &x)| moments.add(x));
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let (means, deviations) = self.0.iter().map(RunningMoments::center_and_scale).unzip();
        (FittedStandardize { means, deviations }.into(), None)
    }
}

impl ApplyTransform for FittedStandardize {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        are_scales(&self.means, &self.deviations, input.open.len())
            .then_some(ColumnValues { content: CellContent::Number, ..input })
    }

    fn apply(&self, cell: &mut CellValues) {
        let of = self.means.iter().zip(&self.deviations);
        cell.open.iter_mut().zip(of).for_each(|(x, (&mean, &deviation))| {
            *x = scaled(*x, mean, deviation);
        });
    }
}
