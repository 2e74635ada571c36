//! Convolution of each channel with filters of its own.

use super::{Axis, Weight};

/// `x [height, width, CHANNELS]`, a weight for each tap, `y [rows, columns, CHANNELS · FILTERS]`. Summed tap by tap.
#[inline(always)]
pub(crate) fn depthwise_conv2d<W: Weight, const FILTERS: usize, const CHANNELS: usize>(
    x: &[f32],
    weight: &[[[W; FILTERS]; CHANNELS]],
    [rows, columns]: [Axis; 2],
    y: &mut [f32],
) {
    let (x, y) = (x.as_chunks::<CHANNELS>().0, y.as_chunks_mut::<FILTERS>().0);
    for (position, y) in y.as_chunks_mut::<CHANNELS>().0.iter_mut().enumerate() {
        let (row, column) = (position / columns.output, position % columns.output);
        let mut sums = [[0.0; FILTERS]; CHANNELS];
        for tap_y in rows.taps(row) {
            for tap_x in columns.taps(column) {
                let pixel = rows.pixel(row, tap_y) * columns.input + columns.pixel(column, tap_x);
                let weights = &weight[tap_y * columns.kernel + tap_x];
                for ((sums, x), weights) in sums.iter_mut().zip(&x[pixel]).zip(weights) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += x * weight.value();
                    }
                }
            }
        }
        *y = sums;
    }
}
