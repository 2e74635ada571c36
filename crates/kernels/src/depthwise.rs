//! Convolutions of each channel with a filter of its own.
//!
//! A filter has no factor in common with another, so no matrix product is in it: a result is a sum of a few rows, each
//! times a number. Some results at a time stay in registers, with a broadcast weight for all of them.

use crate::bounds::{check, end};
use crate::gemm::{load_row, multiply_add};
use crate::simd::{InstructionSet, Kernel, Vector, dispatch, has_avx512, with_constant};
use crate::{Float, MAX_LANES};

/// The sizes of a [`depthwise()`], and its terms.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseSize<'a> {
    /// Channels, each with its own filter.
    pub channels: usize,
    /// Results of each channel.
    pub positions: usize,
    /// Contiguous elements of a row: those of all samples.
    pub len: usize,
    /// For each weight of a filter its offset and that of the row that it meets at the first position, both for the
    /// first channel.
    pub taps: &'a [[usize; 2]],
}

/// The rows that an operand of a [`depthwise()`] has, for each channel one at each position.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseRows<V> {
    /// All values.
    pub values: V,
    /// Elements from a row to that of the next channel, and to that at the next position.
    pub strides: [usize; 2],
}

impl<V> DepthwiseRows<V> {
    /// One past the last element that is read, if the first row begins at `start`.
    fn end(&self, size: &DepthwiseSize<'_>, start: usize) -> Option<usize> {
        let counts = [size.channels - 1, size.positions - 1];
        end([(counts[0], self.strides[0]), (counts[1], self.strides[1])], start, size.len)
    }

    /// A stride that is longer than its slice is never taken: no product of it may overflow.
    fn strides_within(&self, len: usize) -> [usize; 2] {
        self.strides.map(|stride| stride.min(len))
    }
}

/// `y = Σ weight · x`, or `y += Σ weight · x` with `accumulate`, for channels `c` and positions `p`, over all taps:
///
/// `y[c, p, ..] = Σ weights[tap[0] + c · weight_stride] · x[tap[1] + [c, p, ..]]`
///
/// The sum runs in the order of the taps; without one it is 0.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::{DepthwiseRows, DepthwiseSize, depthwise};
///
/// // Two positions of a filter of two weights on one channel, for one sample.
/// let size = DepthwiseSize { channels: 1, positions: 2, len: 1, taps: &[[0, 0], [1, 1]] };
/// let x = DepthwiseRows { values: &[1.0f32, 2.0, 3.0][..], strides: [3, 1] };
/// let mut y = [0.0; 2];
/// let rows = DepthwiseRows { values: &mut y[..], strides: [2, 1] };
/// depthwise(size, (&[10.0, 1.0], 2), x, rows, false);
/// assert_eq!(y, [12.0, 23.0]);
/// ```
#[inline(never)]
pub fn depthwise<T: Float>(
    size: DepthwiseSize<'_>,
    (weights, weight_stride): (&[T], usize),
    x: DepthwiseRows<&[T]>,
    y: DepthwiseRows<&mut [T]>,
    accumulate: bool,
) {
    let DepthwiseSize { channels, positions, len, taps } = size;
    if channels == 0 || positions == 0 || len == 0 {
        return;
    }
    let (x_len, y_len) = (x.values.len(), y.values.len());
    check("y", y.end(&size, 0), y_len);
    let furthest = taps.iter().fold([0, 0], |[a, b], &[w, x]| [a.max(w), b.max(x)]);
    if !taps.is_empty() {
        check("weights", end([(channels - 1, weight_stride)], furthest[0], 1), weights.len());
        check("x", x.end(&size, furthest[1]), x_len);
    }
    dispatch(DepthwiseArgs {
        size,
        weights: weights.as_ptr(),
        weight_stride: weight_stride.min(weights.len()),
        x_strides: x.strides_within(x_len),
        x: x.values.as_ptr(),
        y_strides: y.strides_within(y_len),
        y: y.values.as_mut_ptr(),
        accumulate,
    });
}

/// What [`depthwise()`] needs for the gradient of the weights, in [`PARTIAL_SUMS`](crate::gemm::PARTIAL_SUMS) sums for each
/// weight, which [`add_row_sums`](crate::add_row_sums) adds up:
///
/// `Σ sums[c · sums_stride + tap[0], ..] += Σ_p Σ x[tap[1] + [c, p, ..]] · dy[c, p, ..]`
///
/// # Panics
///
/// If an index leaves its slice.
#[inline(never)]
pub fn depthwise_weights<T: Float>(
    size: DepthwiseSize<'_>,
    x: DepthwiseRows<&[T]>,
    dy: DepthwiseRows<&[T]>,
    (sums, sums_stride): (&mut [T], usize),
) {
    let DepthwiseSize { channels, positions, len, taps } = size;
    if channels == 0 || positions == 0 || len == 0 || taps.is_empty() {
        return;
    }
    let (x_len, y_len) = (x.values.len(), dy.values.len());
    check("dy", dy.end(&size, 0), y_len);
    let furthest = taps.iter().fold([0, 0], |[a, b], &[w, x]| [a.max(w), b.max(x)]);
    let last = end([(channels - 1, sums_stride)], furthest[0], 1);
    check("sums", last.and_then(|last| last.checked_mul(MAX_LANES)), sums.len());
    check("x", x.end(&size, furthest[1]), x_len);
    dispatch(DepthwiseWeightArgs {
        size,
        x_strides: x.strides_within(x_len),
        x: x.values.as_ptr(),
        dy_strides: dy.strides_within(y_len),
        dy: dy.values.as_ptr(),
        sums_stride: sums_stride.min(sums.len()),
        sums: sums.as_mut_ptr(),
    });
}

type Depthwise<T> =
    fn(DepthwiseSize<'_>, (&[T], usize), DepthwiseRows<&[T]>, DepthwiseRows<&mut [T]>, bool);
type DepthwiseWeights<T> =
    fn(DepthwiseSize<'_>, DepthwiseRows<&[T]>, DepthwiseRows<&[T]>, (&mut [T], usize));
// Compiled here once, as `gemm` is.
#[used]
static F32: (Depthwise<f32>, DepthwiseWeights<f32>) = (depthwise, depthwise_weights);
#[used]
static F64: (Depthwise<f64>, DepthwiseWeights<f64>) = (depthwise, depthwise_weights);

/// A checked [`depthwise()`]: every index is inside its slice, and `y` overlaps no operand.
#[derive(Clone, Copy, Debug)]
struct DepthwiseArgs<'a, T> {
    size: DepthwiseSize<'a>,
    weights: *const T,
    weight_stride: usize,
    x: *const T,
    x_strides: [usize; 2],
    y: *mut T,
    y_strides: [usize; 2],
    accumulate: bool,
}

impl<T: Float> Kernel for DepthwiseArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        with_constant!(RUN = run_len(self.size.taps, self.x_strides[1]), max 5, 5 3 1
            => blocks::<T::Vector<S>, RUN>(set, &self));
    }
}

/// How many taps in a row, again and again, meet rows that are as far apart as those of two positions, as the weights of a
/// row of a filter do without a stride: such rows are loaded once for several positions. 5, 3, or else 1.
fn run_len(taps: &[[usize; 2]], stride: usize) -> usize {
    let is_run =
        |taps: &[[usize; 2]]| taps.windows(2).all(|pair| pair[0][1] + stride == pair[1][1]);
    let fits = |&len: &usize| taps.len().is_multiple_of(len) && taps.chunks(len).all(is_run);
    [5, 3].into_iter().find(fits).unwrap_or(1)
}

/// Positions of a block of sums.
const POSITIONS: usize = 4;

/// Cuts the results of each channel into blocks of positions by vectors.
#[inline(always)]
fn blocks<V: Vector, const RUN: usize>(set: V::Set, args: &DepthwiseArgs<'_, V::Scalar>) {
    let DepthwiseSize { channels, positions, len, .. } = args.size;
    // Eight sums, of which none waits for another; where a run needs more rows beside them than there are registers, four.
    let most = if RUN == 1 || V::ROWS > 6 { 2 } else { 1 };
    for channel in 0..channels {
        for position in (0..positions).step_by(POSITIONS) {
            let n_positions = (positions - position).min(POSITIONS);
            for first in (0..len).step_by(most * V::LANES) {
                let n_vectors = (len - first).div_ceil(V::LANES).min(most);
                let last = (len - first - (n_vectors - 1) * V::LANES).min(V::LANES);
                // SAFETY: the block ends at the last position and element.
                unsafe {
                    with_constant!(MP = n_positions, max POSITIONS, 4 3 2 1
                        => with_constant!(NV = n_vectors, max 2, 2 1
                            => sums_of_rows::<V, RUN, MP, NV>(
                                set, args, [channel, position], first, last)));
                }
            }
        }
    }
}

/// `MP` positions of a channel, `NV` vectors of each row from element `first` on, of which the last has `last` lanes.
///
/// # Safety
///
/// The rows end with `y`, and `1 <= last <= V::LANES`.
#[inline(always)]
unsafe fn sums_of_rows<V: Vector, const RUN: usize, const MP: usize, const NV: usize>(
    set: V::Set,
    args: &DepthwiseArgs<'_, V::Scalar>,
    [channel, position]: [usize; 2],
    first: usize,
    last: usize,
) {
    /// Rows that a run of five meets at four positions.
    const MOST_ROWS: usize = 8;
    let at = |strides: [usize; 2]| channel * strides[0] + position * strides[1] + first;
    // SAFETY: every pointer that is read or written stays inside its slice, as `depthwise` has checked.
    unsafe {
        let y = args.y.add(at(args.y_strides));
        let mut sums = [[V::zero(set); NV]; MP];
        if args.accumulate {
            for (p, sums) in sums.iter_mut().enumerate() {
                *sums = load_row(set, y.add(p * args.y_strides[1]), V::LANES, last);
            }
        }
        // `wrapping_add`: without taps neither is read.
        let x = args.x.wrapping_add(at(args.x_strides));
        let weights = args.weights.wrapping_add(channel * args.weight_stride);
        for run in args.size.taps.chunks_exact(RUN) {
            let x = x.add(run[0][1]);
            let mut rows = [[V::zero(set); NV]; MOST_ROWS];
            for (q, row) in rows.iter_mut().enumerate().take(RUN + MP - 1) {
                *row = load_row(set, x.add(q * args.x_strides[1]), V::LANES, last);
            }
            for t in 0..RUN {
                let weight = V::splat(set, *weights.add(run[t][0]));
                for (p, sums) in sums.iter_mut().enumerate() {
                    multiply_add(weight, &rows[t + p], sums);
                }
            }
        }
        for (p, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let count = if v + 1 == NV { last } else { V::LANES };
                sum.store(y.add(p * args.y_strides[1] + v * V::LANES), count);
            }
        }
    }
}

/// A checked [`depthwise_weights`]: every index is inside its slice, and `sums` overlaps no operand.
#[derive(Clone, Copy, Debug)]
struct DepthwiseWeightArgs<'a, T> {
    size: DepthwiseSize<'a>,
    x: *const T,
    x_strides: [usize; 2],
    dy: *const T,
    dy_strides: [usize; 2],
    sums: *mut T,
    sums_stride: usize,
}

impl<T: Float> Kernel for DepthwiseWeightArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        with_constant!(RUN = run_len(self.size.taps, self.x_strides[1]), max 5, 5 3 1
            => weights_of_channels::<T::Vector<S>, RUN>(set, &self));
    }
}

/// Runs of a block: as many as have ten sums at most, beside the rows that these are made of.
const fn most_runs(run: usize) -> usize {
    if run == 1 { 9 } else { 10 / run }
}

/// The sums of all weights, channel by channel, some runs at a time.
#[inline(always)]
fn weights_of_channels<V: Vector, const RUN: usize>(
    set: V::Set,
    args: &DepthwiseWeightArgs<'_, V::Scalar>,
) {
    for channel in 0..args.size.channels {
        for taps in args.size.taps.chunks(most_runs(RUN) * RUN) {
            // SAFETY: the taps are some of those whose bounds were checked.
            unsafe {
                with_constant!(RUNS = taps.len() / RUN, max most_runs(RUN), 9 8 7 6 5 4 3 2 1
                    => sums_of_products::<V, RUN, RUNS>(set, args, channel, taps));
            }
        }
    }
}

/// The sums of `RUNS` runs of a channel, over all positions.
///
/// # Safety
///
/// There are as many taps, which are some of the arguments'.
#[inline(always)]
unsafe fn sums_of_products<V: Vector, const RUN: usize, const RUNS: usize>(
    set: V::Set,
    args: &DepthwiseWeightArgs<'_, V::Scalar>,
    channel: usize,
    taps: &[[usize; 2]],
) {
    let DepthwiseSize { positions, len, .. } = args.size;
    // SAFETY: every pointer that is read or written stays inside its slice, as `depthwise_weights` has checked, and each
    // weight has `MAX_LANES` sums.
    unsafe {
        let sums_of =
            |tap: [usize; 2]| args.sums.add((channel * args.sums_stride + tap[0]) * MAX_LANES);
        let mut sums = [[V::zero(set); RUN]; RUNS];
        for (run, sums) in sums.iter_mut().enumerate() {
            for (t, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(set, sums_of(*taps.get_unchecked(run * RUN + t)), V::LANES);
            }
        }
        // One vector of all positions before the next, so that the rows that two positions meet are still there.
        for first in (0..len).step_by(V::LANES) {
            let count = (len - first).min(V::LANES);
            let mut x = args.x.add(channel * args.x_strides[0] + first);
            let mut dy = args.dy.add(channel * args.dy_strides[0] + first);
            let mut rest = positions;
            while rest >= 2 {
                add_products::<V, RUN, RUNS, 2>(set, args, (x, dy), taps, count, &mut sums);
                rest -= 2;
                // `wrapping_add`: after the last position the pointers may leave their slices, unread.
                x = x.wrapping_add(2 * args.x_strides[1]);
                dy = dy.wrapping_add(2 * args.dy_strides[1]);
            }
            if rest > 0 {
                add_products::<V, RUN, RUNS, 1>(set, args, (x, dy), taps, count, &mut sums);
            }
        }
        for (run, sums) in sums.iter().enumerate() {
            for (t, sum) in sums.iter().enumerate() {
                sum.store(sums_of(*taps.get_unchecked(run * RUN + t)), V::LANES);
            }
        }
    }
}

/// `sums += x · dy` at `MP` positions, for the `RUNS` runs that `taps` has.
///
/// # Safety
///
/// `count` numbers can be read from each of the rows.
#[inline(always)]
unsafe fn add_products<V: Vector, const RUN: usize, const RUNS: usize, const MP: usize>(
    set: V::Set,
    args: &DepthwiseWeightArgs<'_, V::Scalar>,
    (x, dy): (*const V::Scalar, *const V::Scalar),
    taps: &[[usize; 2]],
    count: usize,
    sums: &mut [[V; RUN]; RUNS],
) {
    /// Rows that a run of five meets at two positions.
    const MOST_ROWS: usize = 6;
    // SAFETY: the caller's promise.
    unsafe {
        let mut factors = [V::zero(set); MP];
        for (p, factor) in factors.iter_mut().enumerate() {
            *factor = V::load(set, dy.add(p * args.dy_strides[1]), count);
        }
        for (run, sums) in sums.iter_mut().enumerate() {
            let x = x.add(taps.get_unchecked(run * RUN)[1]);
            let mut rows = [V::zero(set); MOST_ROWS];
            for (q, row) in rows.iter_mut().enumerate().take(RUN + MP - 1) {
                *row = V::load(set, x.add(q * args.x_strides[1]), count);
            }
            for (p, factor) in factors.iter().enumerate() {
                for (t, sum) in sums.iter_mut().enumerate() {
                    *sum = factor.mul_add(rows[t + p], *sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use crate::testing::{LENGTHS, is_refused, normals, on_each_isa};

    /// A filter of `taps` weights in a row, and an image with a gap after each pixel.
    fn one_case<T: Float>(isa: Isa, [channels, positions, len, n_taps]: [usize; 4], bound: f64) {
        let pixel = channels * len + 2;
        let taps: Vec<_> = (0..n_taps).map(|tap| [tap, tap * pixel]).collect();
        let size = DepthwiseSize { channels, positions, len, taps: &taps };
        let x: Vec<T> = normals((positions + n_taps) * pixel, 1);
        let weights: Vec<T> = normals(channels * n_taps, 2);
        let dy: Vec<T> = normals(positions * pixel, 3);
        let (x, dy) = (&x[..], &dy[..]);
        let rows = |values| DepthwiseRows { values, strides: [len, pixel] };
        let is_close = |what: &str, found: &[T], want: &[T]| {
            for (i, (found, want)) in found.iter().zip(want).enumerate() {
                let (found, want) = (found.to_f64(), want.to_f64());
                assert!(
                    (found - want).abs() <= bound * (1.0 + want.abs()),
                    "{isa:?} {}: {size:?}, {what} {i}: {found} against {want}",
                    T::NAME,
                );
            }
        };
        for accumulate in [false, true] {
            let (mut found, mut want) = (dy.to_vec(), dy.to_vec());
            let to = DepthwiseRows { values: &mut found[..], strides: [len, pixel] };
            depthwise(size, (&weights, n_taps), rows(x), to, accumulate);
            for (c, p) in (0..channels).flat_map(|c| (0..positions).map(move |p| (c, p))) {
                for l in 0..len {
                    let at = c * len + p * pixel + l;
                    let terms = (0..n_taps).map(|t| weights[c * n_taps + t] * x[t * pixel + at]);
                    want[at] = terms.sum::<T>() + if accumulate { want[at] } else { T::ZERO };
                }
            }
            is_close("result", &found, &want);
        }
        let mut sums = vec![T::ZERO; channels * n_taps * MAX_LANES];
        for _ in 0..2 {
            depthwise_weights(size, rows(x), rows(dy), (&mut sums, n_taps));
        }
        let (mut found, mut want) = (vec![T::ZERO; weights.len()], vec![T::ZERO; weights.len()]);
        crate::add_row_sums(&sums, MAX_LANES, &mut found);
        for (i, want) in want.iter_mut().enumerate() {
            let (c, t) = (i / n_taps, i % n_taps);
            for (p, l) in (0..positions).flat_map(|p| (0..len).map(move |l| (p, l))) {
                let at = c * len + p * pixel + l;
                *want += (x[t * pixel + at] + x[t * pixel + at]) * dy[at];
            }
        }
        is_close("weight", &found, &want);
    }

    #[test]
    fn tuned_and_naive_agree() {
        on_each_isa(|isa| {
            for len in LENGTHS {
                one_case::<f32>(isa, [2, 3, len, 3], 1e-4);
                one_case::<f64>(isa, [1, 2, len, 9], 1e-12);
            }
            for positions in [1, 2, 3, 4, 5, 7, 9] {
                for len in [1, 3, 8, 16, 21, 32, 50] {
                    for (channels, n_taps) in [(1, 1), (2, 3), (3, 9), (1, 13), (1, 25), (2, 0)] {
                        one_case::<f32>(isa, [channels, positions, len, n_taps], 1e-4);
                        one_case::<f64>(isa, [channels, positions, len, n_taps], 1e-12);
                    }
                }
            }
        });
    }

    #[test]
    fn an_index_outside_is_refused_and_a_stride_that_is_never_taken_may_be_any() {
        const MAX: usize = usize::MAX;
        let run = |[channels, positions, len]: [usize; 3], strides: [usize; 2], tap: [usize; 2]| {
            let size = DepthwiseSize { channels, positions, len, taps: &[tap] };
            let x = DepthwiseRows { values: &[1.0f32; 8][..], strides };
            let mut y = [0.0; 8];
            let to = DepthwiseRows { values: &mut y[..], strides };
            depthwise(size, (&[2.0; 2], 1), x, to, false);
            depthwise_weights(size, x, x, (&mut [0.0; 2 * MAX_LANES], 1));
            y[0]
        };
        assert_eq!(run([2, 2, 2], [2, 4], [0, 0]), 2.0);
        assert_eq!(run([1, 1, 7], [MAX, MAX], [1, 1]), 2.0);
        assert_eq!(run([1, 0, 9], [2, 4], [9, 9]), 0.0);
        for (sizes, strides, tap) in [
            ([2, 1, 7], [2, 4], [0, 0]),
            ([1, 3, 2], [2, 4], [0, 0]),
            ([1, 1, 9], [2, 4], [0, 0]),
            ([1, 1, 8], [2, 4], [0, 1]),
            ([2, 1, 1], [2, 4], [1, 0]),
            // With plain arithmetic these ends would wrap to small numbers.
            ([1, 3, 1], [1, MAX / 2 + 1], [0, 0]),
            ([2, 1, 1], [MAX, 1], [0, 0]),
            ([1, 1, 1], [1, 1], [0, MAX]),
            ([1, 1, 1], [1, 1], [MAX, 0]),
        ] {
            assert!(is_refused(|| run(sizes, strides, tap)), "{sizes:?}, {strides:?}, {tap:?}");
        }
    }
}
