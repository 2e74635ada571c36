//! Rows of a table by their numbers.

use super::{Weight, nearest};

/// Row `x` of the table for each `x`, a row of NaN if there is none.
#[inline(always)]
pub(crate) fn embedding<W: Weight, const FEATURES: usize>(
    x: &[f32],
    table: &[[W; FEATURES]],
    y: &mut [f32],
) {
    for (x, y) in x.iter().zip(y.as_chunks_mut::<FEATURES>().0) {
        *y = match nearest(*x).and_then(|row| table.get(row)) {
            Some(row) => row.map(Weight::value),
            None => [f32::NAN; FEATURES],
        };
    }
}
