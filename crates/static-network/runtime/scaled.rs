//! Numbers in other units.

/// `(x − center) / scale` of each number.
#[inline(always)]
pub(crate) fn scaled<const N: usize>(
    mut x: [f64; N],
    centers: [f64; N],
    scales: [f64; N],
) -> [f64; N] {
    for ((x, center), scale) in x.iter_mut().zip(centers).zip(scales) {
        let difference = *x - center;
        // A difference that overflows.
        let is_far = difference.is_infinite();
        *x = if is_far { *x / scale - center / scale } else { difference / scale };
    }
    x
}
