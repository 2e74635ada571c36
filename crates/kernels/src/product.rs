//! One kernel for every product of a network.
//!
//! Activations are kept with the **samples in the lanes**: a value of one feature for all samples of
//! a tile is one contiguous row. In that layout a linear layer, a convolution and all their gradients
//! are the same loop: rows of the right factor are loaded as vectors, elements of the left factor are
//! broadcast, and a block of the result stays in registers until it is complete. Neither factor is
//! packed or copied first.
//!
//! What differs is where the inner index goes. It is cut into *runs* of equal length, each with an
//! offset into both factors: a matrix product is one run, a convolution has a run for each row of its
//! kernel, its input gradient a run for each tap.
//!
//! The weight gradient of a convolution sums over samples and positions, so there the lanes themselves
//! are summed: [`inner_product`].

mod inner;
mod peak;
mod vector;

pub use inner::{inner_product, inner_product_naive};
pub use peak::peak_flops;
pub use vector::Simd;

use crate::{Float, Isa};
use peak::multiply_adds;
use vector::Vector;

/// A factor or result of a [`product()`]: values and the distances between their neighbours.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    /// All values; the runs say where to start.
    pub values: &'a [T],
    /// Elements between two rows of the left factor. Not read for the right factor.
    pub row_stride: usize,
    /// Elements between two steps of the inner index.
    pub inner_stride: usize,
}

/// Sizes of a [`product()`] and the walk along its inner index.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Rows of the left factor and of the result.
    pub rows: usize,
    /// Columns of the right factor and of the result: neighbours in memory.
    pub columns: usize,
    /// For each run its first element in the left and in the right factor.
    pub runs: &'a [[usize; 2]],
    /// Steps of the inner index in each run.
    pub run_length: usize,
}

/// Adds `left · right` to `result`, whose rows are `result_stride` apart.
///
/// `result[m, n] += Σ_run Σ_k left[run.0 + m·row_stride + k·inner_stride] · right[run.1 + k·inner_stride + n]`
///
/// The sum runs in the order written, so its rounding depends on sizes and instruction set only.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::product::{Extent, Operand, product};
///
/// // [2, 3] · [3, 2]
/// let (a, b) = ([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let mut c = [0.0; 4];
/// let extent = Extent { rows: 2, columns: 2, runs: &[[0, 0]], run_length: 3 };
/// let left = Operand { values: &a, row_stride: 3, inner_stride: 1 };
/// let right = Operand { values: &b, row_stride: 0, inner_stride: 2 };
/// product(extent, left, right, &mut c, 2);
/// assert_eq!(c, [4.0, 5.0, 10.0, 11.0]);
/// ```
pub fn product<T: Float>(
    extent: Extent<'_>,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    result: &mut [T],
    result_stride: usize,
) {
    let Extent { rows, columns, runs, run_length } = extent;
    if rows == 0 || columns == 0 || run_length == 0 || runs.is_empty() {
        return;
    }
    let furthest = |side: usize| runs.iter().map(|run| run[side]).max().unwrap_or(0);
    let last_step = (run_length - 1) * left.inner_stride;
    let left_end = furthest(0) + (rows - 1) * left.row_stride + last_step;
    assert!(left_end < left.values.len(), "left factor: index {left_end} of {}", left.values.len());
    let right_end = furthest(1) + (run_length - 1) * right.inner_stride + columns - 1;
    assert!(
        right_end < right.values.len(),
        "right factor: index {right_end} of {}",
        right.values.len()
    );
    let result_end = (rows - 1) * result_stride + columns - 1;
    assert!(result_end < result.len(), "result: index {result_end} of {}", result.len());
    assert!(result_stride >= columns || rows == 1, "rows of the result overlap");

    let job = Job {
        rows,
        columns,
        runs,
        run_length,
        left: left.values.as_ptr(),
        left_row: left.row_stride,
        left_inner: left.inner_stride,
        right: right.values.as_ptr(),
        right_inner: right.inner_stride,
        result: result.as_mut_ptr(),
        result_row: result_stride,
    };
    // SAFETY: the assertions above hold every index the job can form inside its slice, `result` is
    // borrowed mutably and so overlaps neither factor, and `Isa::current` was found on this machine.
    unsafe { T::product(Isa::current(), &job) }
}

/// The plain loops that [`product()`] is held against.
pub fn product_naive<T: Float>(
    extent: Extent<'_>,
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    result: &mut [T],
    result_stride: usize,
) {
    for m in 0..extent.rows {
        for n in 0..extent.columns {
            for &[a, b] in extent.runs {
                for k in 0..extent.run_length {
                    result[m * result_stride + n] += left.values
                        [a + m * left.row_stride + k * left.inner_stride]
                        * right.values[b + k * right.inner_stride + n];
                }
            }
        }
    }
}

/// A checked product, as pointers.
#[derive(Debug)]
pub struct Job<'a, T> {
    rows: usize,
    columns: usize,
    runs: &'a [[usize; 2]],
    run_length: usize,
    left: *const T,
    left_row: usize,
    left_inner: usize,
    right: *const T,
    right_inner: usize,
    result: *mut T,
    result_row: usize,
}

/// Cuts the result into blocks of rows, and these into blocks of at most two vectors.
///
/// Rows outside, columns inside: a block of rows of the left factor stays in the first-level cache
/// while the result is written from left to right.
///
/// # Safety
///
/// The job's indices lie inside its slices, and the machine has the instructions of `V`.
#[inline(always)]
unsafe fn run<V: Vector>(job: &Job<'_, V::Scalar>) {
    let mut row = 0;
    while row < job.rows {
        // SAFETY: the caller's promise; no block has more rows than are left.
        row += unsafe {
            match job.rows - row {
                12.. if V::ROWS >= 12 => rows::<V, 12>(job, row),
                10.. if V::ROWS >= 10 => rows::<V, 10>(job, row),
                8.. if V::ROWS >= 8 => rows::<V, 8>(job, row),
                6.. => rows::<V, 6>(job, row),
                4.. => rows::<V, 4>(job, row),
                2.. => rows::<V, 2>(job, row),
                _ => rows::<V, 1>(job, row),
            }
        };
    }
}

/// `MR` rows of the result, from the first column to the last. Returns `MR`.
///
/// # Safety
///
/// As [`run`], and the rows lie inside the result.
#[inline(always)]
unsafe fn rows<V: Vector, const MR: usize>(job: &Job<'_, V::Scalar>, row: usize) -> usize {
    let mut column = 0;
    while column < job.columns {
        let rest = job.columns - column;
        // SAFETY: the caller's promise; a block ends at the last column.
        unsafe {
            if rest > V::LANES {
                block::<V, MR, 2>(job, row, column, (rest - V::LANES).min(V::LANES));
            } else {
                block::<V, MR, 1>(job, row, column, rest);
            }
        }
        column += 2 * V::LANES;
    }
    MR
}

/// One block of `MR` rows by `NV` vectors, the last of them with `last` lanes: in registers from its
/// first term to its last.
///
/// # Safety
///
/// As [`run`], and the block lies inside the result.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NV: usize>(
    job: &Job<'_, V::Scalar>,
    row: usize,
    column: usize,
    last: usize,
) {
    // SAFETY: every pointer below stays inside the slice it starts from, by the caller's promise;
    // the last vector of a row reads and writes `last` lanes only.
    unsafe {
        let result = job.result.add(row * job.result_row + column);
        let mut sums = [[V::zero(); NV]; MR];
        for (m, sums) in sums.iter_mut().enumerate() {
            *sums = load_row::<V, NV>(result.add(m * job.result_row), last);
        }
        for &[a, b] in job.runs {
            let mut left = job.left.add(a + row * job.left_row);
            let mut right = job.right.add(b + column);
            for _ in 0..job.run_length {
                let values = load_row::<V, NV>(right, last);
                for (m, sums) in sums.iter_mut().enumerate() {
                    let factor = V::splat(*left.add(m * job.left_row));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = factor.mul_add(value, *sum);
                    }
                }
                // `wrapping_add`: after the last step the pointers may leave their slices, unread.
                left = left.wrapping_add(job.left_inner);
                right = right.wrapping_add(job.right_inner);
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            let result = result.add(m * job.result_row);
            for (v, sum) in sums.iter().enumerate() {
                let lanes = if v + 1 == NV { last } else { V::LANES };
                sum.store(result.add(v * V::LANES), lanes);
            }
        }
    }
}

/// # Safety
///
/// `NV − 1` vectors and `last` lanes can be read from `from`, and the machine has the instructions.
#[inline(always)]
unsafe fn load_row<V: Vector, const NV: usize>(from: *const V::Scalar, last: usize) -> [V; NV] {
    // SAFETY: the caller's promise.
    unsafe {
        std::array::from_fn(|v| {
            let lanes = if v + 1 == NV { last } else { V::LANES };
            V::load(from.add(v * V::LANES), lanes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn random<T: Float>(count: usize, stream: u64) -> Vec<T> {
        let mut stream = Stream::new(7, stream);
        (0..count).map(|_| T::from_f64(stream.normal())).collect()
    }

    /// The tuned kernel on every instruction set of the machine against the plain loops.
    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 24, 25, 33, 40, 56, 70];
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
            if isa > Isa::detect() {
                continue;
            }
            for rows in sizes {
                for columns in sizes {
                    for (inner, runs) in [(1, 1), (5, 1), (4, 3), (9, 2)] {
                        one_case::<T>(isa, [rows, columns, inner, runs], tolerance);
                    }
                }
            }
        }
    }

    fn one_case<T: Float>(isa: Isa, [rows, columns, inner, runs]: [usize; 4], tolerance: f64) {
        let pad = 3;
        let right: Vec<T> = random((columns + pad) * inner * runs, 2);
        let right_operand = Operand { values: &right, row_stride: 0, inner_stride: columns + pad };
        for transposed in [false, true] {
            let left: Vec<T> = random(rows * inner * runs, 1);
            let (row_stride, inner_stride) = if transposed { (1, rows) } else { (inner, 1) };
            let left_operand = Operand { values: &left, row_stride, inner_stride };
            let offsets: Vec<_> =
                (0..runs).rev().map(|r| [r * rows * inner, r * (columns + pad) * inner]).collect();
            let extent = Extent { rows, columns, runs: &offsets, run_length: inner };
            let start: Vec<T> = random(rows * (columns + pad), 3);
            let (mut tuned, mut naive) = (start.clone(), start);
            // SAFETY: the same extents that `product` checks; `isa` is one the machine has.
            unsafe {
                T::product(
                    isa,
                    &Job {
                        rows,
                        columns,
                        runs: &offsets,
                        run_length: inner,
                        left: left.as_ptr(),
                        left_row: row_stride,
                        left_inner: inner_stride,
                        right: right.as_ptr(),
                        right_inner: columns + pad,
                        result: tuned.as_mut_ptr(),
                        result_row: columns + pad,
                    },
                );
            }
            product_naive(extent, left_operand, right_operand, &mut naive, columns + pad);
            for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
                let (t, n) = (t.to_f64(), n.to_f64());
                assert!(
                    (t - n).abs() <= tolerance * (1.0 + n.abs()),
                    "{} {}: [{rows}, {columns}] inner {inner} x {runs}, element {i}: {t} against {n}",
                    isa.name(),
                    T::NAME,
                );
            }
        }
    }

    #[test]
    fn tuned_and_naive_agree_in_f32() {
        agrees::<f32>(4e-6);
    }

    #[test]
    fn tuned_and_naive_agree_in_f64() {
        agrees::<f64>(1e-14);
    }

    #[test]
    fn an_empty_product_changes_nothing() {
        let mut result = [5.0f32; 4];
        let factor = Operand { values: &[] as &[f32], row_stride: 0, inner_stride: 1 };
        for (rows, columns, run_length) in [(0, 4, 1), (4, 0, 1), (2, 2, 0)] {
            let extent = Extent { rows, columns, runs: &[[0, 0]], run_length };
            product(extent, factor, factor, &mut result, 2);
        }
        assert_eq!(result, [5.0; 4]);
    }

    #[test]
    fn an_index_outside_is_refused() {
        let values = [1.0f32; 6];
        let factor = Operand { values: &values, row_stride: 3, inner_stride: 2 };
        for (rows, columns, run_length, offset) in
            [(3, 1, 1, 0), (1, 7, 1, 0), (1, 1, 4, 0), (1, 1, 1, 6)]
        {
            let refused = std::panic::catch_unwind(|| {
                let runs = [[offset, offset]];
                let extent = Extent { rows, columns, runs: &runs, run_length };
                product(extent, factor, factor, &mut [0.0; 64], 8);
            });
            assert!(refused.is_err(), "rows {rows}, columns {columns}, run {run_length}");
        }
    }
}
