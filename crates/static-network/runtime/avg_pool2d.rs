//! The mean pixel of each window.

use super::{Axis, pixels};

/// `x [height, width, CHANNELS]`, `y [rows, columns, CHANNELS]`; pixels outside do not count.
#[inline(always)]
pub(crate) fn avg_pool2d<const CHANNELS: usize>(x: &[f32], axes: [Axis; 2], y: &mut [f32]) {
    let x = x.as_chunks::<CHANNELS>().0;
    for (window, y) in y.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
        let mut sums = [0.0; CHANNELS];
        let mut count = 0_u32;
        for pixel in pixels(axes, window) {
            for (sum, x) in sums.iter_mut().zip(&x[pixel]) {
                *sum += x;
            }
            count += 1;
        }
        let share = 1.0 / count as f32;
        *y = sums.map(|sum| sum * share);
    }
}
