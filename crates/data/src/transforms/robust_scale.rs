//! Robust scaling with smooth clip: `z / √(1 + (z / limit)²)` of `z = (x - median) / (q75 - q25)`.
//!
//! If both quartiles are equal, `z` is divided by half of the range instead; a column that is constant in the training part
//! becomes 0 everywhere, whatever other rows have.
//!
//! Source: Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024), "Better by default", RealMLP-TD-S.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FitRows, FittedTransform, Fitting,
    TransformSettings, are_scales, scaled,
};
use crate::statistics::SampledNumbers;

/// Median 0 and a distance of 1 between the quartiles, bounded smoothly.
///
/// | setting | default | range |
/// |---|---|---|
/// | `limit` | 3 | the bound, above 0; `inf` does not bound |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RobustScale {
    /// What no feature exceeds.
    pub limit: f64,
}

/// Median and scale of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedRobustScale {
    /// What no feature exceeds.
    pub limit: f64,
    /// The median of each number.
    pub medians: Vec<f64>,
    /// What each is divided by; infinite if it is constant.
    pub scales: Vec<f64>,
}

impl Default for RobustScale {
    fn default() -> Self {
        Self { limit: 3.0 }
    }
}

impl TransformSettings for RobustScale {
    fn name(&self) -> &'static str {
        "robust_scale"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content != CellContent::Category).then_some(CellContent::Number)
    }

    fn check(&self) -> Result<(), String> {
        match self.limit > 0.0 {
            true => Ok(()),
            false => Err(format!("limit is {}, expected above 0, or inf", self.limit)),
        }
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let numbers = vec![SampledNumbers::new(); input.open.len()];
        Fitting::NeedsRows(Box::new(RobustScaleRows { limit: self.limit, numbers }))
    }
}

struct RobustScaleRows {
    limit: f64,
    numbers: Vec<SampledNumbers>,
}

impl FitRows for RobustScaleRows {
    fn add(&mut self, open: &[f64], limit: usize) {
        let known = self.numbers.iter_mut().zip(open).filter(|(_, x)| !x.is_nan());
        known.for_each(|(numbers, &x)| numbers.add(x, limit));
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let sampled = self.numbers.iter().find_map(SampledNumbers::sampled);
        let (medians, scales) = self.numbers.into_iter().map(median_and_scale).unzip();
        (FittedRobustScale { limit: self.limit, medians, scales }.into(), sampled)
    }
}

fn median_and_scale(numbers: SampledNumbers) -> (f64, f64) {
    let range = numbers.range();
    let (Some([low, high]), Some([q25, median, q75])) =
        (range, numbers.quantiles([0.25, 0.5, 0.75]))
    else {
        return (0.0, f64::INFINITY);
    };
    let half_range = high / 2.0 - low / 2.0;
    let scale = match (q75 - q25, half_range) {
        (0.0, 0.0) => f64::INFINITY,
        (0.0, half_range) => half_range,
        // A distance that overflows is not that of a constant.
        (distance, _) => distance.min(f64::MAX),
    };
    (median, scale)
}

impl ApplyTransform for FittedRobustScale {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        let is_fitted =
            self.limit > 0.0 && are_scales(&self.medians, &self.scales, input.open.len());
        is_fitted.then_some(ColumnValues { content: CellContent::Number, ..input })
    }

    fn apply(&self, cell: &mut CellValues) {
        let of = self.medians.iter().zip(&self.scales);
        cell.open.iter_mut().zip(of).for_each(|(x, (&median, &scale))| {
            *x = smooth_clip(scaled(*x, median, scale), self.limit);
        });
    }
}

fn smooth_clip(z: f64, limit: f64) -> f64 {
    let share = z / limit;
    // From here on 1 does not count beside the square, which may overflow.
    if share.abs() > 1e100 { limit * share.signum() } else { z / (1.0 + share * share).sqrt() }
}
