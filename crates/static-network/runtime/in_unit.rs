//! Predictions in the unit of the target.

/// `x · scale + center` of each number.
#[inline(always)]
pub(crate) fn in_unit<const N: usize>(
    mut x: [f32; N],
    centers: [f64; N],
    scales: [f64; N],
) -> [f32; N] {
    for ((x, center), scale) in x.iter_mut().zip(centers).zip(scales) {
        *x = (f64::from(*x) * scale + center) as f32;
    }
    x
}
