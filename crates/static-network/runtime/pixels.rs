//! The pixels under a window.

use super::Axis;

/// The pixels of window `at`, row by row, of those that lie inside.
#[inline(always)]
pub(crate) fn pixels([rows, columns]: [Axis; 2], at: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (at / columns.output, at % columns.output);
    rows.taps(row).flat_map(move |tap_y| {
        let first = rows.pixel(row, tap_y) * columns.input;
        columns.taps(column).map(move |tap_x| first + columns.pixel(column, tap_x))
    })
}
