//! Sizes and operands of a [`gemm()`](super::gemm()), and the check of their bounds.

use crate::bounds::{check, end};

/// The sizes of a [`gemm()`](super::gemm()) and the segments of its inner index.
#[derive(Clone, Copy, Debug)]
pub struct GemmSize<'a> {
    /// Rows of `A` and `C`.
    pub m: usize,
    /// Columns of `B` and `C`, contiguous in memory.
    pub n: usize,
    /// For each segment of the inner index the offset of its first element in `A` and in `B`.
    pub k_segments: &'a [[usize; 2]],
    /// Length of every segment.
    pub segment_len: usize,
    /// How many `B` the one `A` is multiplied with.
    pub batch_count: usize,
}

/// The order of a matrix's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The elements of a row are contiguous.
    RowMajor,
    /// The elements of a column are contiguous: the transposed matrix is row-major.
    ColumnMajor,
}

/// The operand `A` of a [`gemm()`](super::gemm()), `[m, k]`.
#[derive(Clone, Copy, Debug)]
pub struct MatrixA<'a, T> {
    /// All values; the segments give the offsets into them.
    pub values: &'a [T],
    /// The order of the elements.
    pub layout: Layout,
    /// The leading dimension: elements from one row (row-major) or column (column-major) to the next.
    pub lda: usize,
}

/// The operand `B` of a [`gemm()`](super::gemm()), `[k, n]` and row-major.
#[derive(Clone, Copy, Debug)]
pub struct MatrixB<'a, T> {
    /// All values; the segments give the offsets into them.
    pub values: &'a [T],
    /// The leading dimension: elements from one row to the next.
    pub ldb: usize,
    /// Elements from one matrix of the batch to the next.
    pub batch_stride: usize,
}

/// The result `C` of a [`gemm()`](super::gemm()), `[m, n]` and row-major.
#[derive(Debug)]
pub struct MatrixC<'a, T> {
    /// Begins with the first element of `C`.
    pub values: &'a mut [T],
    /// The leading dimension: elements from one row to the next.
    pub ldc: usize,
    /// Elements from one matrix of the batch to the next.
    pub batch_stride: usize,
    /// Whether the product is added to `C` (`β = 1`) or overwrites it (`β = 0`).
    pub accumulate: bool,
    /// One value for each row, added in the end; or empty.
    pub bias: &'a [T],
}

impl<'a, T> MatrixC<'a, T> {
    /// A single matrix without bias.
    pub fn new(values: &'a mut [T], ldc: usize, accumulate: bool) -> Self {
        Self { values, ldc, batch_stride: 0, accumulate, bias: &[] }
    }
}

/// A checked [`gemm()`](super::gemm()), as pointers: every index that a product of these operands forms lies
/// inside its slice, and `C`, which is borrowed mutably, overlaps neither operand. Who changes a field keeps that.
#[derive(Clone, Copy, Debug)]
pub(super) struct GemmArgs<'a, T> {
    pub(super) size: GemmSize<'a>,
    pub(super) a: *const T,
    pub(super) layout: Layout,
    pub(super) lda: usize,
    pub(super) b: *const T,
    pub(super) ldb: usize,
    pub(super) c: *mut T,
    pub(super) ldc: usize,
    /// Elements from one matrix of the batch to the next, in `B` and in `C`.
    pub(super) batch_strides: [usize; 2],
    /// Elements from one vector of a block to the next, in `B` and in `C`; set when blocks are cut.
    pub(super) vector_strides: [usize; 2],
    pub(super) accumulate: bool,
    /// One value for each row, or empty.
    pub(super) bias: &'a [T],
    /// What a block prefetches, a line a step of `k`, and how far apart; else the rows of `A` after its own.
    pub(super) prefetch: Option<(*const T, usize)>,
}

impl<'a, T> GemmArgs<'a, T> {
    /// Nothing, if there is nothing to compute.
    ///
    /// # Panics
    ///
    /// If an index leaves its slice.
    pub(super) fn new(
        size: GemmSize<'a>,
        a: MatrixA<'_, T>,
        b: MatrixB<'_, T>,
        c: MatrixC<'a, T>,
    ) -> Option<Self> {
        let GemmSize { m, n, k_segments, segment_len, batch_count } = size;
        if m == 0 || n == 0 || batch_count == 0 {
            return None;
        }
        let [a_len, b_len, c_len] = [a.values.len(), b.values.len(), c.values.len()];
        let last_batch = batch_count - 1;
        check("C", end([(last_batch, c.batch_stride), (m - 1, c.ldc)], 0, n), c_len);
        assert!(c.ldc >= n || m == 1, "rows of C overlap: {n} columns, {} from row to row", c.ldc);
        let k_segments = if segment_len == 0 { &[] } else { k_segments };
        if !k_segments.is_empty() {
            let (rows, steps) = match a.layout {
                Layout::RowMajor => ((m - 1, a.lda), (segment_len - 1, 1)),
                Layout::ColumnMajor => ((m - 1, 1), (segment_len - 1, a.lda)),
            };
            let furthest = furthest(k_segments);
            check("A", end([rows, steps], furthest[0], 1), a_len);
            let strides = [(last_batch, b.batch_stride), (segment_len - 1, b.ldb)];
            check("B", end(strides, furthest[1], n), b_len);
        }
        let fits = c.bias.is_empty() || c.bias.len() >= m;
        assert!(fits, "a bias of {} for {m} rows", c.bias.len());
        // A stride that is longer than its slice is never taken: no product of it may overflow.
        Some(GemmArgs {
            size: GemmSize { k_segments, ..size },
            a: a.values.as_ptr(),
            layout: a.layout,
            lda: a.lda.min(a_len),
            b: b.values.as_ptr(),
            ldb: b.ldb.min(b_len),
            c: c.values.as_mut_ptr(),
            ldc: c.ldc.min(c_len),
            batch_strides: [b.batch_stride.min(b_len), c.batch_stride.min(c_len)],
            vector_strides: [0; 2],
            accumulate: c.accumulate,
            bias: c.bias,
            prefetch: None,
        })
    }

    /// The product of one matrix of the batch.
    #[inline(always)]
    pub(super) fn of_matrix(&self, batch: usize) -> Self {
        Self {
            b: self.b.wrapping_add(batch * self.batch_strides[0]),
            c: self.c.wrapping_add(batch * self.batch_strides[1]),
            ..*self
        }
    }
}

/// The largest offset of a segment in `A`, and in `B`.
pub(super) fn furthest(k_segments: &[[usize; 2]]) -> [usize; 2] {
    k_segments.iter().fold([0, 0], |[a, b], &[x, y]| [a.max(x), b.max(y)])
}
