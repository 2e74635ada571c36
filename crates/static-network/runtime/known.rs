//! Cells of numbers.

/// A number of a row; NaN if it is missing.
#[inline(always)]
pub(crate) fn known(x: f32) -> f64 {
    if x.is_finite() { f64::from(x) } else { f64::NAN }
}
