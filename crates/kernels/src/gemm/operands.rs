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

impl<T> MatrixA<'_, T> {
    /// Elements between two rows, and between two columns.
    pub(super) fn strides(&self) -> [usize; 2] {
        match self.layout {
            Layout::RowMajor => [self.lda, 1],
            Layout::ColumnMajor => [1, self.lda],
        }
    }
}

/// A checked [`gemm()`](super::gemm()), as pointers.
#[derive(Clone, Copy, Debug)]
pub(super) struct GemmArgs<'a, T> {
    pub(super) size: GemmSize<'a>,
    pub(super) a: *const T,
    pub(super) layout: Layout,
    pub(super) lda: usize,
    pub(super) b: *const T,
    pub(super) ldb: usize,
    pub(super) b_batch_stride: usize,
    pub(super) c: *mut T,
    pub(super) ldc: usize,
    pub(super) c_batch_stride: usize,
    pub(super) accumulate: bool,
    /// One value for each row, or null.
    pub(super) bias: *const T,
    /// What a block prefetches, one line for each step of `k`; if null, the rows of `A` after its own.
    pub(super) prefetch: *const T,
    /// Elements from the line of one step to that of the next.
    pub(super) prefetch_stride: usize,
    /// Elements from one vector of a block to the next, in `B` and in `C`; set when blocks are cut.
    pub(super) b_vector_stride: usize,
    pub(super) c_vector_stride: usize,
}

impl<'a, T> GemmArgs<'a, T> {
    /// Every index that a product of these operands forms lies inside its slice. Nothing, if there is nothing
    /// to compute.
    ///
    /// # Panics
    ///
    /// If one does not.
    pub(super) fn new(
        size: GemmSize<'a>,
        a: MatrixA<'_, T>,
        b: MatrixB<'_, T>,
        c: MatrixC<'_, T>,
    ) -> Option<Self> {
        let GemmSize { m, n, k_segments, segment_len, batch_count } = size;
        if m == 0 || n == 0 || batch_count == 0 {
            return None;
        }
        let last_batch = batch_count - 1;
        let c_end = end([(last_batch, c.batch_stride), (m - 1, c.ldc)], 0, n);
        check("C", c_end, c.values.len());
        assert!(c.ldc >= n || m == 1, "rows of C overlap: {n} columns, {} from row to row", c.ldc);
        let k_segments = if segment_len == 0 { &[] } else { k_segments };
        if !k_segments.is_empty() {
            let [row_stride, k_stride] = a.strides();
            let last = segment_len - 1;
            let furthest = k_segments.iter().fold([0, 0], |[a, b], &[x, y]| [a.max(x), b.max(y)]);
            check(
                "A",
                end([(m - 1, row_stride), (last, k_stride)], furthest[0], 1),
                a.values.len(),
            );
            let b_end = end([(last_batch, b.batch_stride), (last, b.ldb)], furthest[1], n);
            check("B", b_end, b.values.len());
        }
        let bias = if c.bias.is_empty() {
            std::ptr::null()
        } else {
            assert!(c.bias.len() >= m, "a bias of {} for {m} rows", c.bias.len());
            c.bias.as_ptr()
        };
        // A stride that is longer than its slice is never taken: no product of it may overflow.
        Some(GemmArgs {
            size: GemmSize { k_segments, ..size },
            a: a.values.as_ptr(),
            layout: a.layout,
            lda: a.lda.min(a.values.len()),
            b: b.values.as_ptr(),
            ldb: b.ldb.min(b.values.len()),
            b_batch_stride: b.batch_stride.min(b.values.len()),
            c: c.values.as_mut_ptr(),
            ldc: c.ldc.min(c.values.len()),
            c_batch_stride: c.batch_stride.min(c.values.len()),
            accumulate: c.accumulate,
            bias,
            prefetch: std::ptr::null(),
            prefetch_stride: 0,
            b_vector_stride: 0,
            c_vector_stride: 0,
        })
    }
}
