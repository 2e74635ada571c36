//! A matrix that is packed once for many products.

use std::ops::Range;

use super::microkernel::MAX_BLOCK_ROWS;
use super::operands::{GemmArgs, GemmSize, Layout, MatrixA, MatrixB, MatrixC};
use super::packing::{BLOCK_K, FAR, blocks};
use crate::simd::dispatch;
use crate::{Float, bounds};

/// An operand `A` in the order in which a product reads it: for some steps of `k` after the other, panels of
/// [`MAX_BLOCK_ROWS`] rows, each step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct PackedMatrix<T> {
    values: Vec<T>,
    rows: usize,
    k: usize,
}

impl<T: Float> PackedMatrix<T> {
    /// Packs a matrix `[rows, k]` whose columns are contiguous, one after the other.
    ///
    /// # Panics
    ///
    /// If there are not as many values.
    pub fn new(values: &[T], [rows, k]: [usize; 2]) -> Self {
        bounds::check("A", rows.checked_mul(k), values.len());
        let mut packed = Vec::with_capacity(rows * k);
        for steps in blocks(k, BLOCK_K) {
            for first in (0..rows).step_by(MAX_BLOCK_ROWS) {
                let panel = first..(first + MAX_BLOCK_ROWS).min(rows);
                for step in steps.clone() {
                    packed.extend_from_slice(&values[step * rows..][panel.clone()]);
                }
            }
        }
        Self { values: packed, rows, k }
    }

    /// Whether a matrix has so many rows that products with it are faster once it is packed.
    pub const fn is_worth_it(rows: usize) -> bool {
        rows * size_of::<T>() >= FAR
    }

    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        [self.rows, self.k]
    }
}

/// [`gemm()`](super::gemm()) of some rows of a packed `A` with a `B` of `n` columns, rounding included: row `rows.start` of
/// the product is the first of `C`. Where a single row is left over after the panels, its zeros may be skipped.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::gemm::{MatrixB, MatrixC, PackedMatrix, gemm_packed};
///
/// // [2, 3] · [3, 1]: the columns of A are contiguous.
/// let a = PackedMatrix::new(&[1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0], [2, 3]);
/// let b = MatrixB { values: &[1.0, 0.0, 1.0], ldb: 1, batch_stride: 0 };
/// let mut c = [0.0; 2];
/// gemm_packed(&a, 0..2, (b, 1), MatrixC::new(&mut c, 1, false));
/// assert_eq!(c, [4.0, 10.0]);
/// ```
#[inline(never)]
pub fn gemm_packed<T: Float>(
    a: &PackedMatrix<T>,
    rows: Range<usize>,
    (b, n): (MatrixB<'_, T>, usize),
    c: MatrixC<'_, T>,
) {
    let PackedMatrix { rows: all_rows, k, .. } = *a;
    assert!(rows.end <= all_rows, "rows {rows:?} of {all_rows}");
    let m = rows.len();
    let size = GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 };
    // As contiguous columns the rows take no more than what they take as panels.
    let columns = MatrixA { values: &a.values, layout: Layout::ColumnMajor, lda: m };
    let Some(args) = GemmArgs::new(size, columns, b, c) else { return };
    for steps in blocks(k, BLOCK_K) {
        let bias = if steps.end == k { args.bias } else { &[] };
        let accumulate = args.accumulate || steps.start > 0;
        let of_block = args.a.wrapping_add(steps.start * all_rows);
        let mut first = rows.start;
        while first < rows.end {
            let panel = first - first % MAX_BLOCK_ROWS;
            let panel_rows = MAX_BLOCK_ROWS.min(all_rows - panel);
            let next = (panel + panel_rows).min(rows.end);
            let done = first - rows.start;
            let a = of_block.wrapping_add(panel * steps.len());
            dispatch(&GemmArgs {
                size: GemmSize {
                    m: next - first,
                    k_segments: &[[first - panel, steps.start * args.ldb]],
                    segment_len: steps.len(),
                    ..args.size
                },
                a,
                lda: panel_rows,
                prefetch: Some((a.wrapping_add(panel_rows * steps.len()), panel_rows)),
                c: args.c.wrapping_add(done * args.ldc),
                accumulate,
                bias: bias.get(done..).unwrap_or(&[]),
                ..args
            });
            first = next;
        }
    }
}

/// [`gemm_packed`] for a type.
type GemmPacked<T> = fn(&PackedMatrix<T>, Range<usize>, (MatrixB<'_, T>, usize), MatrixC<'_, T>);
// Compiled here once, as `gemm` is.
#[used]
static F32: GemmPacked<f32> = gemm_packed;
#[used]
static F64: GemmPacked<f64> = gemm_packed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::gemm;
    use crate::testing::{LENGTHS, is_refused, normals, on_each_isa};

    /// The product of all rows, in parts that begin at `starts`, is the same bits as that of the matrix as it was.
    fn agrees<T: Float>([m, n, k]: [usize; 3], starts: &[usize], accumulate: bool) {
        let (a, b) = (normals::<T>(m * k, 1), normals::<T>(k * (n + 3), 2));
        let (bias, start) = (normals::<T>(m, 3), normals::<T>(m * (n + 1), 4));
        let b = MatrixB { values: &b, ldb: n + 3, batch_stride: 0 };
        let c = |values| MatrixC { bias: &bias, ..MatrixC::new(values, n + 1, accumulate) };
        let mut expected = start.clone();
        let size = GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 };
        let columns = MatrixA { values: &a, layout: Layout::ColumnMajor, lda: m };
        gemm(size, columns, b, c(&mut expected));
        let (packed, mut found) = (PackedMatrix::new(&a, [m, k]), start);
        for (i, &first) in starts.iter().enumerate() {
            let rows = first..starts.get(i + 1).map_or(m, |&next| next.min(m));
            let values = &mut found[first * (n + 1)..];
            let bias = &bias[first..];
            let c = MatrixC { bias, ..MatrixC::new(values, n + 1, accumulate) };
            gemm_packed(&packed, rows, (b, n), c);
        }
        assert!(found == expected, "{m} x {n} x {k}, {starts:?}, {accumulate}, {}", T::NAME);
    }

    #[test]
    fn every_product_has_the_bits_of_that_of_the_matrix_as_it_was() {
        on_each_isa(|_| {
            for len in LENGTHS.skip(1) {
                agrees::<f32>([len, 17, 9], &[0], len % 2 == 0);
                agrees::<f32>([13, len, 9], &[0], len % 2 == 0);
                agrees::<f32>([13, 17, len], &[0], len % 2 == 0);
            }
            for accumulate in [false, true] {
                agrees::<f64>([70, 33, 300], &[0, 24, 61], accumulate);
                agrees::<f32>([130, 56, 257], &[0, 12, 48, 72, 120], accumulate);
            }
        });
    }

    #[test]
    fn rows_and_columns_outside_are_refused() {
        let packed = PackedMatrix::new(&[1.0f32; 26], [13, 2]);
        for (rows, n, is_bad) in
            [(0..13, 2, false), (12..13, 2, false), (0..14, 2, true), (1..13, 3, true)]
        {
            let (b, mut c) = ([1.0; 4], [0.0; 26]);
            let b = MatrixB { values: &b, ldb: n, batch_stride: 0 };
            let found = is_refused(|| {
                gemm_packed(&packed, rows.clone(), (b, n), MatrixC::new(&mut c, n, false))
            });
            assert_eq!(found, is_bad, "{rows:?}, {n}");
        }
        assert!(is_refused(|| PackedMatrix::new(&[1.0f32; 5], [2, 3])));
        assert_eq!(PackedMatrix::new(&[1.0f32; 6], [2, 3]).size(), [2, 3]);
        assert!(PackedMatrix::<f32>::is_worth_it(512) && !PackedMatrix::<f32>::is_worth_it(511));
    }
}
