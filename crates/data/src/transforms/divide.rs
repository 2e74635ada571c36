//! Numbers divided by one number.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FitRows, FittedTransform, Fitting,
    TransformSettings,
};

/// Divided by one number.
///
/// | setting | default | range |
/// |---|---|---|
/// | `by` | 255 for bytes, else the largest magnitude in the training part | finite, not 0 |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Divide {
    /// The divisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<f64>,
}

/// The divisor that was set or found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedDivide {
    /// The divisor.
    pub by: f64,
}

fn is_divisor(by: f64) -> bool {
    by.is_finite() && by != 0.0
}

impl TransformSettings for Divide {
    fn name(&self) -> &'static str {
        "divide"
    }

    fn check(&self) -> Result<(), String> {
        match self.by {
            Some(by) if !is_divisor(by) => {
                Err(format!("by is {by}, expected a finite number, not 0"))
            }
            _ => Ok(()),
        }
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        match self.by {
            Some(by) => Fitting::Done(FittedDivide { by }.into()),
            None if input.is_bytes => Fitting::Done(FittedDivide { by: 255.0 }.into()),
            None => Fitting::NeedsRows(Box::new(DivideRows { largest: 0.0 })),
        }
    }
}

struct DivideRows {
    largest: f64,
}

impl FitRows for DivideRows {
    fn add(&mut self, open: &[f64], _limit: usize) {
        // `max` leaves NaN out.
        self.largest = open.iter().fold(self.largest, |largest, x| largest.max(x.abs()));
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let by = if self.largest == 0.0 { 1.0 } else { self.largest };
        (FittedDivide { by }.into(), None)
    }
}

impl ApplyTransform for FittedDivide {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        (input.content == CellContent::Number && is_divisor(self.by)).then_some(input)
    }

    fn apply(&self, cell: &mut CellValues) {
        cell.open.iter_mut().for_each(|x| *x /= self.by);
    }
}
