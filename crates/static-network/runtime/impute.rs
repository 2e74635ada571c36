//! Missing cells.

/// The numbers, with a value for each that is missing.
#[inline(always)]
pub(crate) fn impute<const N: usize>(mut x: [f64; N], values: [f64; N]) -> [f64; N] {
    for (x, value) in x.iter_mut().zip(values) {
        *x = if x.is_nan() { value } else { *x };
    }
    x
}
