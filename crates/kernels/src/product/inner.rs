//! The product whose inner index is the lanes: both factors are rows of samples.

use super::vector::Vector;
use crate::{Float, Isa};

/// Numbers that one lane sum takes: a vector of the widest instruction set.
pub const LANES: usize = 16;

/// Sizes of an [`inner_product`].
#[derive(Clone, Copy, Debug)]
pub struct InnerExtent {
    /// Rows of the left factor and of the result.
    pub rows: usize,
    /// Rows of the right factor and columns of the result.
    pub columns: usize,
    /// Neighbours in memory that are multiplied with each other.
    pub run_length: usize,
    /// How often the factors meet, each time further on.
    pub repeats: usize,
}

/// A factor of an [`inner_product`]: rows of samples.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, T> {
    /// All values, from the first to be read.
    pub values: &'a [T],
    /// Elements between two rows.
    pub row_stride: usize,
    /// Elements from one repeat to the next.
    pub repeat_stride: usize,
}

/// Sets `sums` to `left · rightᵀ`, or adds it, lane by lane: `sums` holds [`LANES`] numbers for each
/// element of the result, which together are that element; [`add_row_sums`](crate::add_row_sums) puts them
/// together.
///
/// `Σ sums[m, n, ..] = Σ_repeat Σ_k left[m·row_stride + k + r·repeat_stride] · right[n·row_stride + k + r·repeat_stride]`
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::add_row_sums;
/// use gradus_kernels::product::{InnerExtent, LANES, Samples, inner_product};
///
/// // [1, 3] · [2, 3]ᵀ
/// let (a, b) = ([1.0f32, 2.0, 3.0], [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
/// let rows = |values| Samples { values, row_stride: 3, repeat_stride: 0 };
/// let extent = InnerExtent { rows: 1, columns: 2, run_length: 3, repeats: 1 };
/// let mut sums = [0.0; 2 * LANES];
/// inner_product(extent, rows(&a), rows(&b), &mut sums, false);
/// let mut c = [0.0; 2];
/// add_row_sums(&sums, LANES, &mut c);
/// assert_eq!(c, [6.0, 3.0]);
/// ```
pub fn inner_product<T: Float>(
    extent: InnerExtent,
    left: Samples<'_, T>,
    right: Samples<'_, T>,
    sums: &mut [T],
    adds: bool,
) {
    inner_product_on(Isa::current(), extent, left, right, sums, adds);
}

/// [`inner_product`] on an instruction set that this machine has.
fn inner_product_on<T: Float>(
    isa: Isa,
    extent: InnerExtent,
    left: Samples<'_, T>,
    right: Samples<'_, T>,
    sums: &mut [T],
    adds: bool,
) {
    let InnerExtent { rows, columns, run_length, repeats } = extent;
    if rows == 0 || columns == 0 {
        return;
    }
    let (found, expected) = (sums.len(), rows * columns * LANES);
    assert!(found >= expected, "sums: expected {expected} elements, found {found}");
    if run_length > 0 && repeats > 0 {
        for (side, factor, n_rows) in [("left", left, rows), ("right", right, columns)] {
            let end = (n_rows - 1) * factor.row_stride
                + (repeats - 1) * factor.repeat_stride
                + run_length
                - 1;
            let len = factor.values.len();
            assert!(end < len, "{side} factor: index {end} of {len}");
        }
    }
    let job = InnerJob { extent, left, right, sums: sums.as_mut_ptr(), adds };
    // SAFETY: the assertions above hold every index the job can form inside its slice, `sums` is
    // borrowed mutably and so overlaps neither factor, and the machine has the instruction set.
    unsafe { T::inner_product(isa, &job) }
}

/// The plain loops that [`inner_product`] is held against; `result` takes one number for each element.
pub fn inner_product_naive<T: Float>(
    extent: InnerExtent,
    left: Samples<'_, T>,
    right: Samples<'_, T>,
    result: &mut [T],
) {
    for m in 0..extent.rows {
        for n in 0..extent.columns {
            for repeat in 0..extent.repeats {
                for k in 0..extent.run_length {
                    result[m * extent.columns + n] += left.values
                        [m * left.row_stride + repeat * left.repeat_stride + k]
                        * right.values[n * right.row_stride + repeat * right.repeat_stride + k];
                }
            }
        }
    }
}

/// A checked inner product.
#[derive(Debug)]
pub struct InnerJob<'a, T> {
    extent: InnerExtent,
    left: Samples<'a, T>,
    right: Samples<'a, T>,
    sums: *mut T,
    adds: bool,
}

/// Cuts the result into blocks of at most four columns, and these into blocks of rows.
///
/// # Safety
///
/// The job's indices lie inside its slices, and the machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(job: &InnerJob<'_, V::Scalar>) {
    // `V::ROWS` rows of two vectors fit into the registers, so half as many of four do.
    let most_rows = V::ROWS / 2;
    let mut column = 0;
    while column < job.extent.columns {
        let n_columns = part(job.extent.columns - column, 4);
        let mut row = 0;
        while row < job.extent.rows {
            let n_rows = part(job.extent.rows - row, most_rows);
            macro_rules! one_of {
                ($($rows:literal x $columns:literal),*) => {
                    match (n_rows, n_columns) {
                        // SAFETY: the caller's promise; the block ends with the result.
                        $(($rows, $columns) if const { V::ROWS / 2 >= $rows } => unsafe {
                            block::<V, $rows, $columns>(job, row, column);
                        })*
                        _ => unreachable!("no block is larger than the largest"),
                    }
                };
            }
            one_of!(
                6 x 4, 6 x 3, 6 x 2, 6 x 1, 5 x 4, 5 x 3, 5 x 2, 5 x 1, 4 x 4, 4 x 3, 4 x 2, 4 x 1,
                3 x 4, 3 x 3, 3 x 2, 3 x 1, 2 x 4, 2 x 3, 2 x 2, 2 x 1, 1 x 4, 1 x 3, 1 x 2, 1 x 1
            );
            row += n_rows;
        }
        column += n_columns;
    }
}

/// The next part of `rest`: at most `most`, and the last two about the same.
#[inline(always)]
pub(super) fn part(rest: usize, most: usize) -> usize {
    if rest >= 2 * most {
        most
    } else if rest > most {
        rest.div_ceil(2)
    } else {
        rest
    }
}

/// `sums += left · right`, row by row, for so many lanes.
///
/// # Safety
///
/// `lanes` numbers can be read from each row of the block, and the machine has the instructions of `V`.
#[inline(always)]
unsafe fn add_products<V: Vector, const MR: usize, const NR: usize>(
    job: &InnerJob<'_, V::Scalar>,
    (left, right): (*const V::Scalar, *const V::Scalar),
    lanes: usize,
    sums: &mut [[V; NR]; MR],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let values: [V; NR] =
            std::array::from_fn(|n| V::load(right.add(n * job.right.row_stride), lanes));
        for (m, sums) in sums.iter_mut().enumerate() {
            let factor = V::load(left.add(m * job.left.row_stride), lanes);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = factor.mul_add(value, *sum);
            }
        }
    }
}

/// One block of `MR · NR` vectors of partial sums.
///
/// # Safety
///
/// As [`run`], and the block lies inside the result.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NR: usize>(
    job: &InnerJob<'_, V::Scalar>,
    row: usize,
    column: usize,
) {
    let InnerExtent { columns, run_length, repeats, .. } = job.extent;
    // SAFETY: every pointer that is read stays inside the slice it starts from, by the caller's promise;
    // the last vector of a run reads no more lanes than are left, and sums have room for `LANES` each.
    unsafe {
        let place = |m: usize, n: usize| job.sums.add(((row + m) * columns + column + n) * LANES);
        let mut sums = [[V::zero(); NR]; MR];
        if job.adds {
            for (m, sums) in sums.iter_mut().enumerate() {
                *sums = std::array::from_fn(|n| V::load(place(m, n), V::LANES));
            }
        }
        let (mut left_repeat, mut right_repeat) = (
            job.left.values.as_ptr().add(row * job.left.row_stride),
            job.right.values.as_ptr().add(column * job.right.row_stride),
        );
        for _ in 0..repeats {
            let (mut left, mut right) = (left_repeat, right_repeat);
            for _ in 0..run_length / V::LANES {
                add_products(job, (left, right), V::LANES, &mut sums);
                left = left.wrapping_add(V::LANES);
                right = right.wrapping_add(V::LANES);
            }
            let rest = run_length % V::LANES;
            if rest > 0 {
                add_products(job, (left, right), rest, &mut sums);
            }
            // `wrapping_add`: after the last repeat the pointers may leave their slices, unread.
            left_repeat = left_repeat.wrapping_add(job.left.repeat_stride);
            right_repeat = right_repeat.wrapping_add(job.right.repeat_stride);
        }
        for (m, sums) in sums.iter().enumerate() {
            for (n, sum) in sums.iter().enumerate() {
                sum.store(place(m, n), V::LANES);
                for lane in (V::LANES..LANES).step_by(V::LANES) {
                    V::zero().store(place(m, n).add(lane), V::LANES);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 9, 13];
        for isa in Isa::available() {
            for rows in sizes {
                for columns in sizes {
                    for (length, repeats) in [(1, 1), (4, 2), (16, 3), (25, 2), (32, 1), (32, 0)] {
                        one_case::<T>(isa, [rows, columns, length, repeats], tolerance);
                    }
                }
            }
        }
    }

    fn one_case<T: Float>(isa: Isa, sizes: [usize; 4], tolerance: f64) {
        let [rows, columns, run_length, repeats] = sizes;
        let stride = run_length + 3;
        let mut stream = Stream::new(11, 0);
        let mut random =
            |count| -> Vec<T> { (0..count).map(|_| T::from_f64(stream.normal())).collect() };
        let (left, right) = (random(rows * repeats * stride), random(columns * repeats * stride));
        let extent = InnerExtent { rows, columns, run_length, repeats };
        let left = Samples { values: &left, row_stride: stride, repeat_stride: rows * stride };
        let right = Samples { values: &right, row_stride: stride, repeat_stride: columns * stride };
        let start = random(rows * columns);
        let (mut tuned, mut naive) = (start.clone(), start);
        // What stood in the sums before must not count, and what the first call left must.
        let mut sums = vec![T::from_f64(7.0); rows * columns * LANES];
        for adds in [false, true] {
            inner_product_on(isa, extent, left, right, &mut sums, adds);
            inner_product_naive(extent, left, right, &mut naive);
        }
        crate::add_row_sums(&sums, LANES, &mut tuned);
        for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
            let (t, n) = (t.to_f64(), n.to_f64());
            assert!(
                (t - n).abs() <= tolerance * (1.0 + n.abs()),
                "{} {}: {sizes:?}, element {i}: {t} against {n}",
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
        for (rows, columns, run_length, n_sums) in
            [(3, 1, 1, 48), (1, 3, 1, 48), (1, 1, 7, 16), (1, 1, 1, 15)]
        {
            let refused = std::panic::catch_unwind(|| {
                let factor = Samples { values: &[1.0f32; 6], row_stride: 3, repeat_stride: 0 };
                let extent = InnerExtent { rows, columns, run_length, repeats: 1 };
                inner_product(extent, factor, factor, &mut vec![0.0; n_sums], false);
            });
            assert!(refused.is_err(), "rows {rows}, columns {columns}, run {run_length}");
        }
    }
}
