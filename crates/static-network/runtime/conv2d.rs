//! Convolution.

use super::{Axis, Weight};

/// `y = x ∗ weight`: `x [height, width, INPUTS]`, a weight for each tap, `y [rows, columns, OUTPUTS]`. A filter is stored
/// with `STORED` channels, of which those behind `OUTPUTS` are 0 and fill vectors. Summed tap by tap, channel by channel.
#[inline(always)]
pub(crate) fn conv2d<W: Weight, const INPUTS: usize, const STORED: usize, const OUTPUTS: usize>(
    x: &[f32],
    weight: &[[[W; STORED]; INPUTS]],
    axes: [Axis; 2],
    y: &mut [f32],
) {
    let (x, y) = (x.as_chunks().0, y.as_chunks_mut::<OUTPUTS>().0);
    // As many positions at a time as have sums that fit into registers.
    if STORED <= 8 {
        blocks::<_, _, _, _, 4>(x, weight, axes, y);
    } else {
        blocks::<_, _, _, _, 2>(x, weight, axes, y);
    }
}

/// All positions, `AT_ONCE` at a time where they meet the same taps. Not inlined: with all sizes known, the compiler unrolls
/// the taps and keeps the sums in memory.
#[inline(never)]
fn blocks<
    W: Weight,
    const INPUTS: usize,
    const STORED: usize,
    const OUTPUTS: usize,
    const AT_ONCE: usize,
>(
    x: &[[f32; INPUTS]],
    weight: &[[[W; STORED]; INPUTS]],
    axes: [Axis; 2],
    y: &mut [[f32; OUTPUTS]],
) {
    let [_, columns] = axes;
    for (row, y) in y.chunks_exact_mut(columns.output).enumerate() {
        let mut column = 0;
        while column < columns.output {
            let next = column + AT_ONCE;
            if next <= columns.output && columns.taps(column) == columns.taps(next - 1) {
                positions::<_, _, _, _, AT_ONCE>(x, weight, axes, [row, column], y);
                column = next;
            } else {
                positions::<_, _, _, _, 1>(x, weight, axes, [row, column], y);
                column += 1;
            }
        }
    }
}

/// `AT_ONCE` positions of a row from `[row, column]` on, which meet the same taps.
#[inline(always)]
fn positions<
    W: Weight,
    const INPUTS: usize,
    const STORED: usize,
    const OUTPUTS: usize,
    const AT_ONCE: usize,
>(
    x: &[[f32; INPUTS]],
    weight: &[[[W; STORED]; INPUTS]],
    [rows, columns]: [Axis; 2],
    [row, column]: [usize; 2],
    y: &mut [[f32; OUTPUTS]],
) {
    let taps = columns.taps(column);
    let taps_y = if taps.is_empty() { 0..0 } else { rows.taps(row) };
    let mut sums = [[0.0; STORED]; AT_ONCE];
    for tap in taps_y {
        let first = rows.pixel(row, tap) * columns.input + columns.pixel(column, taps.start);
        let weights = &weight[tap * columns.kernel..][taps.clone()];
        for (at, weights) in weights.iter().enumerate() {
            for (position, sums) in sums.iter_mut().enumerate() {
                let pixel = &x[first + at + position * columns.stride];
                for (x, weights) in pixel.iter().zip(weights) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += x * weight.value();
                    }
                }
            }
        }
    }
    for (y, sums) in y[column..].iter_mut().zip(sums) {
        *y = core::array::from_fn(|output| sums[output]);
    }
}
