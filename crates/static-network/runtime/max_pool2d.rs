//! The largest pixel of each window.

use super::{Axis, larger, pixels};

/// `x [height, width, CHANNELS]`, `y [rows, columns, CHANNELS]`.
#[inline(always)]
pub(crate) fn max_pool2d<const CHANNELS: usize>(x: &[f32], axes: [Axis; 2], y: &mut [f32]) {
    let x = x.as_chunks::<CHANNELS>().0;
    for (window, y) in y.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
        let mut pixels = pixels(axes, window);
        let mut is_first = true;
        while let Some(first) = pixels.next() {
            // Four at a time, and the first again where there are fewer: so zeros keep the sign that they have in Gradus.
            let [a, b, c, d] = [
                &x[first],
                &x[pixels.next().unwrap_or(first)],
                &x[pixels.next().unwrap_or(first)],
                &x[pixels.next().unwrap_or(first)],
            ];
            for (i, y) in y.iter_mut().enumerate() {
                let largest = larger(larger(larger(a[i], b[i]), c[i]), d[i]);
                *y = if is_first { largest } else { larger(*y, largest) + 0.0 };
            }
            is_first = false;
        }
    }
}
