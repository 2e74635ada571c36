//! A value repeated along axes, or with its axes in another order.

use super::strided;

/// `y[i] = x[place of i]`.
#[inline(always)]
pub(crate) fn gather<const AXES: usize>(
    x: &[f32],
    [dims, strides]: [[usize; AXES]; 2],
    y: &mut [f32],
) {
    for (y, place) in y.iter_mut().zip(strided(dims, strides)) {
        *y = x[place];
    }
}
