//! Ranges of numbers.

use serde::Serialize;

use crate::Features;
use crate::columns::Cells;

/// The range of a column's numbers, missing ones left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ColumnRange {
    /// The lowest.
    pub low: f64,
    /// The mean.
    pub mean: f64,
    /// The highest.
    pub high: f64,
    #[serde(skip)]
    n: f64,
}

impl Default for ColumnRange {
    /// The range of no numbers.
    fn default() -> Self {
        Self { low: f64::INFINITY, mean: 0.0, high: f64::NEG_INFINITY, n: 0.0 }
    }
}

impl ColumnRange {
    /// Adds the numbers of some cells. Categories and texts have none.
    pub(super) fn add(&mut self, cells: &Cells) {
        match cells {
            Cells::Numbers(numbers) => numbers.iter().for_each(|&number| self.add_number(number)),
            Cells::Arrays { values: Features::U8(values), .. } => {
                values.iter().for_each(|&value| self.add_number(value.into()));
            }
            Cells::Arrays { values: Features::F32(values), .. } => {
                values.iter().for_each(|&value| self.add_number(value.into()));
            }
            Cells::Categories { .. } | Cells::Texts(_) => {}
        }
    }

    fn add_number(&mut self, number: f64) {
        if !number.is_nan() {
            self.n += 1.0;
            self.mean += (number - self.mean) / self.n;
            self.low = self.low.min(number);
            self.high = self.high.max(number);
        }
    }

    /// The range, if there were numbers.
    pub(super) fn known(self) -> Option<Self> {
        (self.n > 0.0).then_some(self)
    }
}
