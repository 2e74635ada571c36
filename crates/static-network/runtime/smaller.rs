//! The smaller of two numbers.

/// The smaller number, the second of two that are equal; NaN if one of them is.
#[inline(always)]
pub(crate) fn smaller(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}
