//! A part of each block of a value.

/// Copies `len` numbers of each block of `x` to each block of `y`; of both, the length of a block and where to start.
#[inline(always)]
pub(crate) fn copy_part(
    (x, [x_block, x_start]): (&[f32], [usize; 2]),
    (y, [y_block, y_start]): (&mut [f32], [usize; 2]),
    len: usize,
) {
    for (x, y) in x.chunks_exact(x_block).zip(y.chunks_exact_mut(y_block)) {
        y[y_start..][..len].copy_from_slice(&x[x_start..][..len]);
    }
}
