//! Cells of categories.

/// The position of a category in a row; NaN if it is missing, −1 if there is none of so many.
#[inline(always)]
pub(crate) fn code(x: f32, categories: usize) -> f64 {
    let x = f64::from(x);
    let is_code = x >= 0.0 && x < categories as f64 && x == f64::from(x as u32);
    if is_code || x.is_nan() { x } else { -1.0 }
}
