//! Convolution with many channels, by Winograd's algorithm: of a patch of 8 × 8 pixels the values of polynomials at 0, ±1,
//! ±2, ±½ and infinity, their products with those of the filters, and back.

use super::{Axis, Weight};

/// Points of each axis.
const POINTS: usize = 8;
/// Channels of the result at a time.
const LANES: usize = 16;

/// A number for each of some channels.
type Lanes<const N: usize> = [f32; N];
/// A square of them.
type Square<const N: usize, const SIDE: usize> = [[Lanes<N>; SIDE]; SIDE];

/// As `conv2d` of filters with `FILTER` rows and columns and a stride of 1, which gives squares of `RESULT` rows and
/// columns, `PATCHES` of them side by side.
#[inline(always)]
pub(crate) fn winograd<
    W: Weight,
    const INPUTS: usize,
    const OUTPUTS: usize,
    const FILTER: usize,
    const RESULT: usize,
    const PATCHES: usize,
>(
    x: &[f32],
    weight: &[[[W; OUTPUTS]; INPUTS]],
    axes: [Axis; 2],
    y: &mut [f32],
) {
    let (x, y) = (x.as_chunks::<INPUTS>().0, y.as_chunks_mut::<OUTPUTS>().0);
    let [rows, columns] = axes;
    for row in (0..rows.output).step_by(RESULT) {
        for first in (0..OUTPUTS).step_by(LANES) {
            let mut sums = [[[[0.0; LANES]; POINTS]; POINTS]; PATCHES];
            for input in 0..INPUTS {
                let filter: Square<LANES, POINTS> =
                    transform(&taps::<_, _, _, FILTER>(weight, input, first), filter_values);
                for (patch, sums) in sums.iter_mut().enumerate() {
                    let pixels = pixels(x, axes, [row, patch * RESULT], input);
                    let image: Square<1, POINTS> = transform(&pixels, image_values);
                    add_products(sums, &image, &filter);
                }
            }
            for (patch, sums) in sums.iter().enumerate() {
                let results: Square<LANES, RESULT> = transform(sums, results);
                for (row, results) in (row..rows.output).zip(&results) {
                    for (column, result) in (patch * RESULT..columns.output).zip(results) {
                        let y = &mut y[row * columns.output + column][first..];
                        y.iter_mut().zip(result).for_each(|(y, result)| *y = 0.0 + result);
                    }
                }
            }
        }
    }
}

/// The taps of the filters from one channel to those from `first` on; 0 behind the last.
#[inline(always)]
fn taps<W: Weight, const INPUTS: usize, const OUTPUTS: usize, const FILTER: usize>(
    weight: &[[[W; OUTPUTS]; INPUTS]],
    input: usize,
    first: usize,
) -> Square<LANES, FILTER> {
    let mut taps = [[[0.0; LANES]; FILTER]; FILTER];
    for (taps, weights) in taps.as_flattened_mut().iter_mut().zip(weight) {
        let weights = weights[input][first..].iter();
        taps.iter_mut().zip(weights).for_each(|(tap, weight)| *tap = weight.value());
    }
    taps
}

/// The pixels of one channel under the patch whose results begin at `[row, column]`; 0 outside of the image.
#[inline(always)]
fn pixels<const INPUTS: usize>(
    x: &[[f32; INPUTS]],
    [rows, columns]: [Axis; 2],
    [row, column]: [usize; 2],
    input: usize,
) -> Square<1, POINTS> {
    let mut pixels = [[[0.0]; POINTS]; POINTS];
    for (i, pixels) in pixels.iter_mut().enumerate() {
        for (j, pixel) in pixels.iter_mut().enumerate() {
            let (row, column) = (row + i, column + j);
            let is_inside = row >= rows.pad && column >= columns.pad;
            let (row, column) = (row.wrapping_sub(rows.pad), column.wrapping_sub(columns.pad));
            if is_inside && row < rows.input && column < columns.input {
                *pixel = [x[row * columns.input + column][input]];
            }
        }
    }
    pixels
}

#[inline(always)]
fn add_products(
    sums: &mut Square<LANES, POINTS>,
    image: &Square<1, POINTS>,
    filter: &Square<LANES, POINTS>,
) {
    let values = image.as_flattened().iter().zip(filter.as_flattened());
    for (sums, ([x], filter)) in sums.as_flattened_mut().iter_mut().zip(values) {
        sums.iter_mut().zip(filter).for_each(|(sum, filter)| *sum += x * filter);
    }
}

/// Transforms the columns of a square, then its rows.
#[inline(always)]
fn transform<const N: usize, const FROM: usize, const TO: usize>(
    from: &Square<N, FROM>,
    along: impl Fn([Lanes<N>; FROM]) -> [Lanes<N>; TO],
) -> Square<N, TO> {
    let mut between = [[[0.0; N]; FROM]; TO];
    for column in 0..FROM {
        let values = along(core::array::from_fn(|row| from[row][column]));
        for (between, value) in between.iter_mut().zip(values) {
            between[column] = value;
        }
    }
    let mut to = [[[0.0; N]; TO]; TO];
    for (to, between) in to.iter_mut().zip(between) {
        *to = along(between);
    }
    to
}

/// From eight pixels to their values at the points.
#[inline(always)]
fn image_values<const N: usize>([a, b, c, d, e, f, g, h]: [Lanes<N>; 8]) -> [Lanes<N>; 8] {
    let zero = mul_add(mul_add(c, -1.0, e), 5.25, mul_add(g, -1.0, a));
    let [one, minus_one] = at_both([mul_add(e, -4.25, add(c, g)), mul_add(d, -4.25, add(b, f))]);
    let even = mul_add(e, -1.25, mul_add(c, 0.25, g));
    let odd = mul_add(b, 0.5, mul_add(d, -2.5, add(f, f)));
    let [two, minus_two] = at_both([even, odd]);
    let even = mul_add(e, -5.0, mul_add(c, 4.0, g));
    let odd = mul_add(f, 0.5, mul_add(d, -2.5, add(b, b)));
    let [half, minus_half] = at_both([even, odd]);
    let infinity = mul_add(mul_add(f, -1.0, d), 5.25, mul_add(b, -1.0, h));
    [zero, one, minus_one, two, minus_two, half, minus_half, infinity]
}

/// From the taps of a filter to its values at the points, with their factors.
#[inline(always)]
fn filter_values<const N: usize, const FILTER: usize>(taps: [Lanes<N>; FILTER]) -> [Lanes<N>; 8] {
    // The sums over even and odd powers of 1, 2 and ½.
    let [mut ones, mut twos, mut halves] = [[[0.0; N]; 2]; 3];
    for (power, tap) in taps.iter().enumerate() {
        let (parity, power) = (power % 2, f64::from(1 << power));
        ones[parity] = mul_add(*tap, (-2.0_f64 / 9.0) as f32, ones[parity]);
        twos[parity] = mul_add(*tap, (power / 90.0) as f32, twos[parity]);
        halves[parity] = mul_add(*tap, (32.0 / 45.0 / power) as f32, halves[parity]);
    }
    let ([one, minus_one], [two, minus_two]) = (at_both(ones), at_both(twos));
    let [half, minus_half] = at_both(halves);
    [taps[0], one, minus_one, two, minus_two, half, minus_half, taps[FILTER - 1]]
}

/// From products at the points to the results.
#[inline(always)]
fn results<const N: usize, const RESULT: usize>(
    [a, b, c, d, e, f, g, h]: [Lanes<N>; 8],
) -> [Lanes<N>; RESULT] {
    let [ones, twos, halves] = [at_both([b, c]), at_both([d, e]), at_both([f, g])];
    let mut results = [[0.0; N]; RESULT];
    for (power, result) in results.iter_mut().enumerate() {
        let (parity, power) = (power % 2, f64::from(1 << power));
        let far = mul_add(twos[parity], power as f32, ones[parity]);
        *result = mul_add(halves[parity], (1.0 / power) as f32, far);
    }
    results[0] = add(a, results[0]);
    results[RESULT - 1] = add(h, results[RESULT - 1]);
    results
}

/// `[x + y, x − y]`: from the sums over even and odd powers the values at a point and at its negative, or back.
#[inline(always)]
fn at_both<const N: usize>([x, y]: [Lanes<N>; 2]) -> [Lanes<N>; 2] {
    [add(x, y), mul_add(y, -1.0, x)]
}

#[inline(always)]
fn add<const N: usize>(x: Lanes<N>, y: Lanes<N>) -> Lanes<N> {
    core::array::from_fn(|i| x[i] + y[i])
}

/// `x · factor + term`, in two steps.
#[inline(always)]
fn mul_add<const N: usize>(x: Lanes<N>, factor: f32, term: Lanes<N>) -> Lanes<N> {
    core::array::from_fn(|i| x[i] * factor + term[i])
}
