//! Elements along axes become one.

use super::strided;

/// `y = start`, then `y = f(y, x)` for each block of `x`, in order, at the place of the block.
#[inline(always)]
pub(crate) fn reduce<const AXES: usize>(
    x: &[f32],
    (start, f): (f32, impl Fn(f32, f32) -> f32),
    [dims, strides]: [[usize; AXES]; 2],
    block: usize,
    y: &mut [f32],
) {
    y.fill(start);
    for (x, place) in x.chunks_exact(block).zip(strided(dims, strides)) {
        let y = &mut y[place * block..][..block];
        y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*y, *x));
    }
}
