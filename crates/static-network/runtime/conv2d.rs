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
    for (row, y) in y.chunks_exact_mut(axes[1].output).enumerate() {
        // As many positions at a time as have sums that fit into registers.
        if STORED <= 8 {
            positions_of_row::<_, _, _, _, 4>(x, weight, axes, row, y);
        } else {
            positions_of_row::<_, _, _, _, 2>(x, weight, axes, row, y);
        }
    }
}

/// The positions of a row, `AT_ONCE` at a time where they meet the same taps.
#[inline(always)]
fn positions_of_row<
    W: Weight,
    const INPUTS: usize,
    const STORED: usize,
    const OUTPUTS: usize,
    const AT_ONCE: usize,
>(
    x: &[[f32; INPUTS]],
    weight: &[[[W; STORED]; INPUTS]],
    axes: [Axis; 2],
    row: usize,
    mut y: &mut [[f32; OUTPUTS]],
) {
    let [_, columns] = axes;
    while !y.is_empty() {
        let column = columns.output - y.len();
        let taps = columns.taps(column);
        if y.len() >= AT_ONCE && columns.taps(column + AT_ONCE - 1) == taps {
            let (block, rest) = y.split_at_mut(AT_ONCE);
            positions::<_, _, _, _, AT_ONCE>(x, weight, axes, [row, column], block);
            y = rest;
        } else {
            let (one, rest) = y.split_at_mut(1);
            positions::<_, _, _, _, 1>(x, weight, axes, [row, column], one);
            y = rest;
        }
    }
}

/// `AT_ONCE` positions from `[row, column]` on, which meet the same taps.
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
    let mut sums = [[0.0; STORED]; AT_ONCE];
    for tap in rows.taps(row) {
        if taps.is_empty() {
            break;
        }
        let first = rows.pixel(row, tap) * columns.input + columns.pixel(column, taps.start);
        let weights = &weight[tap * columns.kernel..][taps.clone()];
        for (at, weights) in weights.iter().enumerate() {
            // Whole numbers become others once for all positions.
            let weights = weights.map(|weights| weights.map(Weight::value));
            for (position, sums) in sums.iter_mut().enumerate() {
                let pixel = &x[first + at + position * columns.stride];
                for (x, weights) in pixel.iter().zip(&weights) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += x * weight;
                    }
                }
            }
        }
    }
    for (y, sums) in y.iter_mut().zip(&sums) {
        y.copy_from_slice(&sums[..OUTPUTS]);
    }
}
