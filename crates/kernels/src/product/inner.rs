//! The product whose inner index is the lanes: both factors are rows of samples.

use super::vector::Vector;
use super::{Extent, Job, Operand};
use crate::{Float, Isa};

/// Adds `left · rightᵀ` to `result`, whose rows are `result_stride` apart.
///
/// `result[m, n] += Σ_run Σ_k left[run.0 + m·row_stride + k] · right[run.1 + n·row_stride + k]`
///
/// The inner strides of both factors are 1 and not read. Lanes are summed at the end of the call, so it
/// pays when runs times run length is several vectors.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::product::{Extent, Operand, inner_product};
///
/// // [1, 3] · [2, 3]ᵀ
/// let (a, b) = ([1.0f32, 2.0, 3.0], [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
/// let mut c = [0.0; 2];
/// let extent = Extent { rows: 1, columns: 2, runs: &[[0, 0]], run_length: 3 };
/// let rows = |values| Operand { values, row_stride: 3, inner_stride: 1 };
/// inner_product(extent, rows(&a), rows(&b), &mut c, 2);
/// assert_eq!(c, [6.0, 3.0]);
/// ```
pub fn inner_product<T: Float>(
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
    let left_end = furthest(0) + (rows - 1) * left.row_stride + run_length - 1;
    assert!(left_end < left.values.len(), "left factor: index {left_end} of {}", left.values.len());
    let right_end = furthest(1) + (columns - 1) * right.row_stride + run_length - 1;
    assert!(
        right_end < right.values.len(),
        "right factor: index {right_end} of {}",
        right.values.len()
    );
    let result_end = (rows - 1) * result_stride + columns - 1;
    assert!(result_end < result.len(), "result: index {result_end} of {}", result.len());
    let job = Job {
        rows,
        columns,
        runs,
        run_length,
        left: left.values.as_ptr(),
        left_row: left.row_stride,
        left_inner: 1,
        right: right.values.as_ptr(),
        right_inner: right.row_stride,
        result: result.as_mut_ptr(),
        result_row: result_stride,
    };
    // SAFETY: the assertions above hold every index the job can form inside its slice, `result` is
    // borrowed mutably and so overlaps neither factor, and `Isa::current` was found on this machine.
    unsafe { T::inner_product(Isa::current(), &job) }
}

/// The plain loops that [`inner_product`] is held against.
pub fn inner_product_naive<T: Float>(
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
                    result[m * result_stride + n] += left.values[a + m * left.row_stride + k]
                        * right.values[b + n * right.row_stride + k];
                }
            }
        }
    }
}

/// Cuts the result into blocks of at most four columns.
///
/// # Safety
///
/// The job's indices lie inside its slices, and the machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(job: &Job<'_, V::Scalar>) {
    let mut column = 0;
    while column < job.columns {
        // SAFETY: the caller's promise; no block has more columns than are left.
        column += unsafe {
            match job.columns - column {
                4.. => columns::<V, 4>(job, column),
                2.. => columns::<V, 2>(job, column),
                _ => columns::<V, 1>(job, column),
            }
        };
    }
}

/// All rows of `NR` columns. Returns `NR`.
///
/// # Safety
///
/// As [`run`], and the columns lie inside the result.
#[inline(always)]
unsafe fn columns<V: Vector, const NR: usize>(job: &Job<'_, V::Scalar>, column: usize) -> usize {
    let mut row = 0;
    while row < job.rows {
        // SAFETY: the caller's promise; no block has more rows than are left. `V::ROWS` rows of two
        // vectors fit into the registers, so half as many of four do.
        row += unsafe {
            match job.rows - row {
                6.. if V::ROWS >= 12 => block::<V, 6, NR>(job, row, column),
                4.. if V::ROWS >= 8 => block::<V, 4, NR>(job, row, column),
                3.. => block::<V, 3, NR>(job, row, column),
                2.. => block::<V, 2, NR>(job, row, column),
                _ => block::<V, 1, NR>(job, row, column),
            }
        };
    }
    NR
}

/// One block: `MR · NR` vectors of partial sums, their lanes summed at the end. Returns `MR`.
///
/// # Safety
///
/// As [`run`], and the block lies inside the result.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NR: usize>(
    job: &Job<'_, V::Scalar>,
    row: usize,
    column: usize,
) -> usize {
    // SAFETY: every pointer stays inside the slice it starts from, by the caller's promise; the last
    // vector of a run reads no more lanes than are left.
    unsafe {
        let mut sums = [[V::zero(); NR]; MR];
        for &[a, b] in job.runs {
            let left = job.left.add(a + row * job.left_row);
            let right = job.right.add(b + column * job.right_inner);
            let mut k = 0;
            while k < job.run_length {
                let lanes = (job.run_length - k).min(V::LANES);
                let values: [V; NR] =
                    std::array::from_fn(|n| V::load(right.add(n * job.right_inner + k), lanes));
                for (m, sums) in sums.iter_mut().enumerate() {
                    let factor = V::load(left.add(m * job.left_row + k), lanes);
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = factor.mul_add(value, *sum);
                    }
                }
                k += V::LANES;
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                *job.result.add((row + m) * job.result_row + column + n) += sum.sum_lanes();
            }
        }
    }
    MR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 9, 13];
        for isa in
            [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&isa| isa <= Isa::detect())
        {
            for rows in sizes {
                for columns in sizes {
                    for (length, runs) in [(1, 1), (4, 2), (16, 3), (25, 2), (32, 1)] {
                        one_case::<T>(isa, [rows, columns, length, runs], tolerance);
                    }
                }
            }
        }
    }

    fn one_case<T: Float>(isa: Isa, [rows, columns, length, runs]: [usize; 4], tolerance: f64) {
        let stride = length + 3;
        let mut stream = Stream::new(11, 0);
        let mut random =
            |count| -> Vec<T> { (0..count).map(|_| T::from_f64(stream.normal())).collect() };
        let (left, right) = (random(rows * runs * stride), random(columns * runs * stride));
        let offsets: Vec<_> =
            (0..runs).map(|r| [r * rows * stride, r * columns * stride]).collect();
        let start = random(rows * (columns + 2));
        let (mut tuned, mut naive) = (start.clone(), start);
        // SAFETY: every index below lies inside its slice, and the machine has `isa`.
        unsafe {
            T::inner_product(
                isa,
                &Job {
                    rows,
                    columns,
                    runs: &offsets,
                    run_length: length,
                    left: left.as_ptr(),
                    left_row: stride,
                    left_inner: 1,
                    right: right.as_ptr(),
                    right_inner: stride,
                    result: tuned.as_mut_ptr(),
                    result_row: columns + 2,
                },
            );
        }
        let extent = Extent { rows, columns, runs: &offsets, run_length: length };
        let operand = |values| Operand { values, row_stride: stride, inner_stride: 1 };
        inner_product_naive(extent, operand(&left), operand(&right), &mut naive, columns + 2);
        for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
            let (t, n) = (t.to_f64(), n.to_f64());
            assert!(
                (t - n).abs() <= tolerance * (1.0 + n.abs()),
                "{} {}: [{rows}, {columns}] length {length} x {runs}, element {i}: {t} against {n}",
                isa.name(),
                T::NAME,
            );
        }
    }

    #[test]
    fn tuned_and_naive_agree_in_f32() {
        agrees::<f32>(2e-5);
    }

    #[test]
    fn tuned_and_naive_agree_in_f64() {
        agrees::<f64>(1e-13);
    }

    #[test]
    fn an_index_outside_is_refused() {
        let values = [1.0f32; 6];
        let factor = Operand { values: &values, row_stride: 3, inner_stride: 1 };
        for (rows, columns, run_length, offset) in
            [(3, 1, 1, 0), (1, 3, 1, 0), (1, 1, 7, 0), (1, 1, 1, 6)]
        {
            let refused = std::panic::catch_unwind(|| {
                let runs = [[offset, offset]];
                let extent = Extent { rows, columns, runs: &runs, run_length };
                inner_product(extent, factor, factor, &mut [0.0; 64], 8);
            });
            assert!(refused.is_err(), "rows {rows}, columns {columns}, run {run_length}");
        }
    }
}
