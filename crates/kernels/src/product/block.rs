//! The product in blocks that stay in registers.

use super::inner::part;
use super::vector::Vector;
use super::{Adjacent, Extent, Job};
use crate::prefetch::prefetch;

/// Rows of the largest block of any instruction set.
const ROWS: usize = 12;

/// Cuts the result of each repeat into blocks.
///
/// Where the left factor's rows are adjacent, columns outside and rows inside: so much of the right factor
/// stays in the first-level cache while the rows of the left one pass. Where its steps are, the other way
/// round: each of its rows is read through once.
///
/// # Safety
///
/// The job's indices lie inside its slices, and the machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(job: &Job<'_, V::Scalar>) {
    let Extent { rows, columns, repeats, .. } = job.extent;
    // Where a repeat is one vector wide, two repeats are a block's two vectors.
    let n_pairs = if columns == V::LANES { repeats / 2 } else { 0 };
    let [right_vector, result_vector] = [job.right_repeat, job.result_repeat];
    for pair in 0..n_pairs {
        let mut row = 0;
        while row < rows {
            let n_rows = part(rows - row, V::ROWS);
            // SAFETY: the caller's promise; a block ends at the last row.
            unsafe {
                let result = job.result.add(2 * pair * result_vector + row * job.result_row);
                let right = job.right.add(2 * pair * right_vector);
                let job = Job { right, result, right_vector, result_vector, ..*job };
                if job.adjacent == Adjacent::Rows {
                    rows_of_block::<V, 2, true>(&job, row, n_rows, 2 * V::LANES);
                } else {
                    rows_of_block::<V, 2, false>(&job, row, n_rows, 2 * V::LANES);
                }
            }
            row += n_rows;
        }
    }
    let job = &Job { right_vector: V::LANES, result_vector: V::LANES, ..*job };
    if rows == 1 {
        // SAFETY: the caller's promise.
        return unsafe { single_rows::<V>(job, 2 * n_pairs) };
    }
    for repeat in 2 * n_pairs..repeats {
        let (mut row, mut column) = (0, 0);
        while row < rows && column < columns {
            let rest = columns - column;
            let n_rows = part(rows - row, V::ROWS);
            let n_columns = 2 * V::LANES;
            // SAFETY: the caller's promise; a block ends at the last row and column.
            unsafe {
                let job = Job {
                    right: job.right.add(repeat * job.right_repeat + column),
                    result: job
                        .result
                        .add(repeat * job.result_repeat + row * job.result_row + column),
                    ..*job
                };
                match (job.adjacent, rest > V::LANES) {
                    (Adjacent::Rows, true) => rows_of_block::<V, 2, true>(&job, row, n_rows, rest),
                    (Adjacent::Rows, false) => rows_of_block::<V, 1, true>(&job, row, n_rows, rest),
                    (Adjacent::Steps, true) => {
                        rows_of_block::<V, 2, false>(&job, row, n_rows, rest)
                    }
                    (Adjacent::Steps, false) => {
                        rows_of_block::<V, 1, false>(&job, row, n_rows, rest);
                    }
                }
            }
            if job.adjacent == Adjacent::Rows {
                row += n_rows;
                if row == rows {
                    (row, column) = (0, column + n_columns);
                }
            } else {
                column += n_columns;
                if column >= columns {
                    (row, column) = (row + n_rows, 0);
                }
            }
        }
    }
}

/// The repeats from `first` on of a product with one row, which would wait for its own sums: so it takes as many
/// vectors at a time as there are registers.
///
/// # Safety
///
/// As [`run`].
#[inline(always)]
unsafe fn single_rows<V: Vector>(job: &Job<'_, V::Scalar>, first: usize) {
    let Extent { columns, repeats, .. } = job.extent;
    // The step from one element of the row to the next is that of its only row.
    let left_stride = if job.adjacent == Adjacent::Rows { job.left_stride } else { 1 };
    for repeat in first..repeats {
        let mut column = 0;
        while column < columns {
            let n_vectors = part((columns - column).div_ceil(V::LANES), V::ROWS + V::ROWS / 3);
            let rest = columns - column;
            let last = (rest - (n_vectors - 1) * V::LANES).min(V::LANES);
            // SAFETY: the caller's promise; a block ends at the last column.
            unsafe {
                let job = Job {
                    left_stride,
                    right: job.right.add(repeat * job.right_repeat + column),
                    result: job.result.add(repeat * job.result_repeat + column),
                    ..*job
                };
                macro_rules! one_of {
                    ($($count:literal)*) => {
                        match n_vectors {
                            $($count if const { V::ROWS + V::ROWS / 3 >= $count } => {
                                block::<V, 1, $count, true>(&job, 0, last);
                            })*
                            _ => unreachable!("no block has more vectors than the largest"),
                        }
                    };
                }
                one_of!(16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1);
            }
            column += n_vectors * V::LANES;
        }
    }
}

/// A block of `n_rows` rows by `NV` vectors, or as much of them as `rest` columns.
///
/// # Safety
///
/// As [`run`], and the block lies inside the result.
#[inline(always)]
unsafe fn rows_of_block<V: Vector, const NV: usize, const ROWS_ADJACENT: bool>(
    job: &Job<'_, V::Scalar>,
    row: usize,
    n_rows: usize,
    rest: usize,
) {
    let last = (rest - (NV - 1) * V::LANES).min(V::LANES);
    macro_rules! one_of {
        ($($count:literal)*) => {
            match n_rows {
                // SAFETY: the caller's promise.
                $($count if const { V::ROWS >= $count } => unsafe {
                    block::<V, $count, NV, ROWS_ADJACENT>(job, row, last);
                })*
                _ => unreachable!("no block has more rows than the largest"),
            }
        };
    }
    one_of!(12 11 10 9 8 7 6 5 4 3 2 1);
}

/// One block of `MR` rows of the left factor from `row` on by `NV` vectors: in registers from its first term
/// to its last.
///
/// # Safety
///
/// As [`run`], and the block lies inside the result.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NV: usize, const ROWS_ADJACENT: bool>(
    job: &Job<'_, V::Scalar>,
    row: usize,
    last: usize,
) {
    // SAFETY: every pointer below stays inside the slice it starts from, by the caller's promise;
    // the last vector of a row reads and writes `last` lanes only.
    unsafe {
        let result = job.result;
        let mut sums = [[V::zero(); NV]; MR];
        if job.adds {
            for (m, sums) in sums.iter_mut().enumerate() {
                *sums = load_row(result.add(m * job.result_row), job.result_vector, last);
            }
        }
        for &[a, b] in job.extent.runs {
            let mut right = job.right.add(b);
            // `wrapping_add`: after the last step the pointers may leave their slices, unread.
            if ROWS_ADJACENT {
                let mut left = job.left.add(a + row);
                // The rows of the next block, of which no hardware sees that they come.
                let (mut ahead, ahead_stride) = if job.ahead.is_null() {
                    (left.wrapping_add(2 * MR - 1), job.left_stride)
                } else {
                    (job.ahead.wrapping_add(row + row / 3), job.ahead_stride)
                };
                for _ in 0..job.extent.run_length {
                    // A single row waits for the right factor, of which it needs no row that meets a zero:
                    // most pixels of a digit, and half of what a ReLU leaves.
                    if MR > 1 || *left != V::Scalar::default() {
                        let values: [V; NV] = load_row(right, job.right_vector, last);
                        for (m, sums) in sums.iter_mut().enumerate() {
                            multiply_add(V::splat(*left.add(m)), values, sums);
                        }
                    }
                    if NV == 2 {
                        prefetch(ahead);
                        ahead = ahead.wrapping_add(ahead_stride);
                    }
                    left = left.wrapping_add(job.left_stride);
                    right = right.wrapping_add(job.right_inner);
                }
            } else {
                // One pointer for three rows: the others are reached by scaled strides, which cost no
                // instruction of their own.
                let first = job.left.add(a + row * job.left_stride);
                let mut lefts: [_; ROWS / 3] =
                    std::array::from_fn(|i| first.wrapping_add(3 * i * job.left_stride));
                for _ in 0..job.extent.run_length {
                    let values: [V; NV] = load_row(right, job.right_vector, last);
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let left = lefts[m / 3].wrapping_add(m % 3 * job.left_stride);
                        multiply_add(V::splat(*left), values, sums);
                    }
                    for left in &mut lefts {
                        *left = opaque(left.wrapping_add(1));
                    }
                    right = right.wrapping_add(job.right_inner);
                }
            }
        }
        if !job.bias.is_null() {
            for (m, sums) in sums.iter_mut().enumerate() {
                let bias = V::splat(*job.bias.add(row + m));
                *sums = sums.map(|sum| sum.add(bias));
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            let result = result.add(m * job.result_row);
            for (v, sum) in sums.iter().enumerate() {
                let lanes = if v + 1 == NV { last } else { V::LANES };
                sum.store(result.add(v * job.result_vector), lanes);
            }
        }
    }
}

/// The pointer itself, of which the compiler does not see where it comes from: it would otherwise compute all
/// pointers of a block from one, an addition each, on ports that multiply-adds need.
#[inline(always)]
fn opaque<T>(pointer: *const T) -> *const T {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    {
        let mut pointer = pointer;
        // SAFETY: no instruction at all.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) pointer, options(pure, readonly, nostack, preserves_flags));
        }
        return pointer;
    }
    #[allow(unreachable_code, reason = "the only line where there is no assembler")]
    pointer
}

/// `sums += factor · values`.
///
/// # Safety
///
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn multiply_add<V: Vector, const NV: usize>(factor: V, values: [V; NV], sums: &mut [V; NV]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        // SAFETY: the caller's promise.
        *sum = unsafe { factor.mul_add(value, *sum) };
    }
}

/// # Safety
///
/// `NV − 1` vectors and `last` lanes can be read, one every `stride`, and the machine has the instructions.
#[inline(always)]
unsafe fn load_row<V: Vector, const NV: usize>(
    from: *const V::Scalar,
    stride: usize,
    last: usize,
) -> [V; NV] {
    // SAFETY: the caller's promise.
    unsafe {
        std::array::from_fn(|v| {
            let lanes = if v + 1 == NV { last } else { V::LANES };
            V::load(from.add(v * stride), lanes)
        })
    }
}
