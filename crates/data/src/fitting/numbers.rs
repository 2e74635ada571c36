//! Rows that are given as numbers become features.

use super::FittedTransforms;
use super::rows::known;
use crate::columns::ColumnKind;
use crate::transforms::{CellValues, UNSEEN};

/// Memory for [`FittedTransforms::encode_numbers`], which allocates nothing after its first row, unless it resizes pictures.
#[derive(Clone, Debug, Default)]
pub struct RowBuffer(pub(super) CellValues);

impl FittedTransforms {
    /// Numbers of a row before its transforms: one for each column, and for an array one for each element.
    pub fn raw_width(&self) -> usize {
        self.columns().iter().map(|column| column.shape.iter().product::<usize>()).sum()
    }

    /// Writes the features of a row that is given as numbers, one column after the other: a number, the seconds of a date
    /// since 1970, the position of a category in [`FittedColumn::categories`](super::FittedColumn), or the elements of an
    /// array. What is missing is NaN, and its features are NaN where nothing is imputed.
    ///
    /// # Panics
    ///
    /// Unless there are [`FittedTransforms::raw_width`] numbers, and [`FittedTransforms::width`] features.
    pub fn encode_numbers(&self, row: &[f32], buffer: &mut RowBuffer, to: &mut [f32]) {
        let RowBuffer(cell) = buffer;
        let (mut row, mut to) = (row, to);
        for column in self.columns() {
            let (numbers, more) = row.split_at(column.shape.iter().product());
            row = more;
            cell.clear();
            let n = column.categories.len() as f64;
            let is_code = |x: f64| x.is_nan() || x >= 0.0 && x < n && x.fract() == 0.0;
            cell.open.extend(numbers.iter().map(|&x| match column.kind {
                ColumnKind::WholeCategory | ColumnKind::Category if !is_code(x.into()) => UNSEEN,
                _ => known(x.into()),
            }));
            column.apply(cell);
            let features;
            (features, to) = to.split_at_mut(cell.len());
            cell.write(features);
        }
        assert!(row.is_empty() && to.is_empty(), "as many numbers and features as a row has");
    }
}
