//! Matrix products of the forms that layers and convolutions need.
//!
//! Activations are kept in a **batch-innermost layout**: the values of one feature for all samples of a tile are
//! one row. There a layer, a convolution and all their gradients are the same loop: rows of `B` are loaded as
//! vectors, elements of `A` are broadcast, and a block of `C` stays in registers until it is complete.
//!
//! What differs is where the inner index `k` goes. It is cut into *segments* of equal length, each with an
//! offset into `A` and into `B` (a batch-reduce GEMM): a matrix product has one segment, a convolution one for
//! each row of its filters. And one `A` may be multiplied with a batch of evenly spaced `B`: the output
//! positions along a row of an image. The weight gradient of a convolution sums over the contiguous axis of both
//! operands: [`gemm_nt`]. Where one `A` is multiplied again and again, it is packed once: [`gemm_packed`]. And where
//! each sample has a matrix of its own, the vectors run along the samples: [`gemm_interleaved`]. Products of parts of a batch
//! are summed by a tree: [`gemm_tree`].
//!
//! # The path of a product
//!
//! 1. [`gemm()`] checks that all indices lie inside their slices (`operands`).
//! 2. `packing` cuts a long `k` into blocks that suit the caches, and copies rows of `A` that are far apart.
//! 3. `dispatch` (in `simd`) enters a function compiled for the instruction set in use.
//! 4. `microkernel` cuts `C` into blocks of rows by vectors,
//! 5. and computes each block in registers.

mod interleaved;
mod microkernel;
mod nt;
mod operands;
mod packed;
mod packing;
mod peak;
mod tree;

pub use interleaved::{InterleavedMatrix, InterleavedSize, gemm_interleaved};
pub use microkernel::MAX_BLOCK_ROWS;
pub(crate) use microkernel::{load_row, multiply_add};
pub use nt::{GemmNtSize, NtOperand, PARTIAL_SUMS, gemm_nt};
use operands::GemmArgs;
pub use operands::{GemmSize, Layout, MatrixA, MatrixB, MatrixC};
pub use packed::{PackedMatrix, gemm_packed};
pub use peak::peak_flops;
pub use tree::{TreeTerm, gemm_tree};

use crate::Float;

/// `C = A · B`, or `C += A · B`, as [`MatrixC::accumulate`] says, for each matrix of the batch.
///
/// With `a[i, k]` at `i·lda + k` or `i + k·lda`, as [`MatrixA::layout`] says, and `p` the index in the batch:
///
/// `c[p·batch_stride + i·ldc + j] = Σ_segment Σ_k a[segment.0 + [i, k]] · b[segment.1 + k·ldb + j + p·batch_stride]`
///
/// The sum runs in the order written, so its rounding depends on sizes and instruction set only.
/// With `m = 1` a zero of `A` may be skipped, whatever it is multiplied with: 0 · ∞ is 0 then.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::gemm::{GemmSize, Layout, MatrixA, MatrixB, MatrixC, gemm};
///
/// // [2, 3] · [3, 2]
/// let (a, b) = ([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let mut c = [0.0; 4];
/// gemm(
///     GemmSize { m: 2, n: 2, k_segments: &[[0, 0]], segment_len: 3, batch_count: 1 },
///     MatrixA { values: &a, layout: Layout::RowMajor, lda: 3 },
///     MatrixB { values: &b, ldb: 2, batch_stride: 0 },
///     MatrixC::new(&mut c, 2, false),
/// );
/// assert_eq!(c, [4.0, 5.0, 10.0, 11.0]);
/// ```
#[inline(never)]
pub fn gemm<T: Float>(size: GemmSize<'_>, a: MatrixA<'_, T>, b: MatrixB<'_, T>, c: MatrixC<'_, T>) {
    if let Some(args) = GemmArgs::new(size, a, b, c) {
        packing::run(&args);
    }
}

// A generic function that is not inlined is compiled where its types are named, not in each crate that calls it.
#[used]
static F32: fn(GemmSize<'_>, MatrixA<'_, f32>, MatrixB<'_, f32>, MatrixC<'_, f32>) = gemm;
#[used]
static F64: fn(GemmSize<'_>, MatrixA<'_, f64>, MatrixB<'_, f64>, MatrixC<'_, f64>) = gemm;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LENGTHS, is_refused, normals, on_each_isa};

    /// The plain loops that [`gemm()`] is tested against.
    fn gemm_naive<T: Float>(
        size: GemmSize<'_>,
        a: MatrixA<'_, T>,
        b: MatrixB<'_, T>,
        c: MatrixC<'_, T>,
    ) {
        let [row_stride, k_stride] = match a.layout {
            Layout::RowMajor => [a.lda, 1],
            Layout::ColumnMajor => [1, a.lda],
        };
        for batch in 0..size.batch_count {
            for i in 0..size.m {
                for j in 0..size.n {
                    let at = batch * c.batch_stride + i * c.ldc + j;
                    let mut sum = if c.accumulate { c.values[at] } else { T::ZERO };
                    for &[a_start, b_start] in size.k_segments {
                        for k in 0..size.segment_len {
                            sum += a.values[a_start + i * row_stride + k * k_stride]
                                * b.values[b_start + batch * b.batch_stride + k * b.ldb + j];
                        }
                    }
                    c.values[at] = sum + c.bias.get(i).copied().unwrap_or(T::ZERO);
                }
            }
        }
    }

    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 24, 25, 33, 40, 56, 70, 150];
        for m in sizes {
            for n in sizes {
                for (k, segments, batch) in [(1, 1, 1), (5, 1, 2), (4, 3, 1), (9, 2, 3)] {
                    one_case::<T>([m, n, k, segments, batch], 0, tolerance);
                }
            }
        }
        for len in LENGTHS {
            one_case::<T>([3, len, 5, 1, 1], 0, tolerance);
            one_case::<T>([len, 3, 5, 1, 1], 0, tolerance);
            one_case::<T>([3, 5, len, 1, 1], 0, tolerance);
        }
        // Long enough for several blocks of `k`, and columns of A far enough apart to be packed.
        for m in [1, 11, 12, 25] {
            one_case::<T>([m, 33, 600, 1, 1], 0, tolerance);
            one_case::<T>([m, 33, 300, 1, 2], 520, tolerance);
        }
    }

    fn one_case<T: Float>(sizes: [usize; 5], a_pad: usize, tolerance: f64) {
        let [m, n, k, n_segments, batch_count] = sizes;
        let pad = 3;
        let b: Vec<T> = normals((n + pad) * k * n_segments * batch_count, 2);
        let b = MatrixB { values: &b, ldb: n + pad, batch_stride: (n + pad) * k * n_segments };
        for layout in [Layout::ColumnMajor, Layout::RowMajor] {
            let (lda, a_len) = match layout {
                Layout::ColumnMajor => (m + a_pad, (m + a_pad) * k),
                Layout::RowMajor => (k + a_pad, m * (k + a_pad)),
            };
            let mut a: Vec<T> = normals(a_len * n_segments, 1);
            // Zeros, as a ReLU leaves them.
            a.iter_mut().for_each(|value| *value = value.maximum(T::ZERO));
            let a = MatrixA { values: &a, layout, lda };
            let k_segments: Vec<_> =
                (0..n_segments).rev().map(|s| [s * a_len, s * (n + pad) * k]).collect();
            let size = GemmSize { m, n, k_segments: &k_segments, segment_len: k, batch_count };
            let start: Vec<T> = normals(batch_count * m * (n + pad), 3);
            let bias: Vec<T> = normals(m, 4);
            for (accumulate, bias) in [(false, &[][..]), (true, &[]), (false, &bias), (true, &bias)]
            {
                let mut naive = start.clone();
                let (ldc, batch_stride) = (n + pad, m * (n + pad));
                let c = MatrixC { values: &mut naive, ldc, batch_stride, accumulate, bias };
                gemm_naive(size, a, b, c);
                on_each_isa(|isa| {
                    let mut tuned = start.clone();
                    let c = MatrixC { values: &mut tuned, ldc, batch_stride, accumulate, bias };
                    gemm(size, a, b, c);
                    for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
                        let (t, n) = (t.to_f64(), n.to_f64());
                        assert!(
                            (t - n).abs() <= tolerance * (1.0 + n.abs()) * (k as f64).sqrt(),
                            "{isa:?} {}: {sizes:?}, {layout:?}, accumulate {accumulate}, bias of {}, element {i}: {t} against {n}",
                            T::NAME,
                            bias.len(),
                        );
                    }
                });
            }
        }
    }

    #[test]
    fn tuned_and_naive_agree() {
        agrees::<f32>(4e-6);
        agrees::<f64>(1e-14);
    }

    /// Strides and batch strides of A, B and C, and the offset into A and B.
    #[derive(Clone, Copy, Debug)]
    struct Strides {
        lda: usize,
        ldb: usize,
        ldc: usize,
        b_batch: usize,
        c_batch: usize,
        offset: usize,
        accumulate: bool,
    }

    const FITTING: Strides =
        Strides { lda: 2, ldb: 2, ldc: 2, b_batch: 4, c_batch: 6, offset: 0, accumulate: false };

    /// Numbers that are 5 but for the product of two operands with these values.
    fn product(
        [m, n, k, batch_count]: [usize; 4],
        layout: Layout,
        strides: Strides,
        values: &[f32],
    ) -> [f32; 64] {
        let Strides { lda, ldb, ldc, b_batch, c_batch, offset, accumulate } = strides;
        let mut c = [5.0; 64];
        gemm(
            GemmSize { m, n, k_segments: &[[offset; 2]], segment_len: k, batch_count },
            MatrixA { values, layout, lda },
            MatrixB { values, ldb, batch_stride: b_batch },
            MatrixC { batch_stride: c_batch, ..MatrixC::new(&mut c, ldc, accumulate) },
        );
        c
    }

    #[test]
    fn an_empty_product_changes_nothing_and_an_empty_sum_is_zero() {
        for size in [[0, 4, 1, 1], [4, 0, 1, 1], [2, 2, 0, 1]] {
            let strides = Strides { accumulate: true, ..FITTING };
            assert_eq!(product(size, Layout::RowMajor, strides, &[]), [5.0; 64]);
        }
        let mut c = [5.0f32; 3];
        gemm(
            GemmSize { m: 1, n: 2, k_segments: &[], segment_len: 4, batch_count: 1 },
            MatrixA { values: &[], layout: Layout::ColumnMajor, lda: 1 },
            MatrixB { values: &[], ldb: 2, batch_stride: 0 },
            MatrixC::new(&mut c, 2, false),
        );
        assert_eq!(c, [0.0, 0.0, 5.0]);
    }

    #[test]
    fn zeros_of_a_single_row_are_skipped() {
        for (m, expected) in [(1, [2.0, 4.0]), (2, [f32::NAN; 2])] {
            let (a, mut c) = ([0.0, 2.0].repeat(m), vec![0.0; 2 * m]);
            gemm(
                GemmSize { m, n: 2, k_segments: &[[0, 0]], segment_len: 2, batch_count: 1 },
                MatrixA { values: &a, layout: Layout::RowMajor, lda: 2 },
                MatrixB { values: &[f32::INFINITY, f32::NAN, 1.0, 2.0], ldb: 2, batch_stride: 0 },
                MatrixC::new(&mut c, 2, false),
            );
            assert_eq!(format!("{:?}", &c[..2]), format!("{expected:?}"), "{m} rows");
        }
    }

    #[test]
    fn nan_in_a_single_row_is_not_skipped() {
        nan_is_not_skipped::<f32>();
        nan_is_not_skipped::<f64>();
    }

    /// Between the elements of a row with a stride stands what they are not: 0 beside NaN, NaN beside −0.
    fn nan_is_not_skipped<T: Float>() {
        let nan = T::from_f64(f64::NAN);
        on_each_isa(|isa| {
            for (len, at) in
                (1..40).flat_map(|len| (0..len).map(move |at| (len, Some(at)))).chain([(9, None)])
            {
                for (layout, stride) in
                    [(Layout::RowMajor, 1), (Layout::ColumnMajor, 1), (Layout::ColumnMajor, 3)]
                {
                    let mut a = vec![nan; len * stride];
                    (0..len).for_each(|k| a[k * stride] = T::from_f64(-0.0));
                    if let Some(at) = at {
                        a.fill(T::ZERO);
                        a[at * stride] = nan;
                    }
                    let lda = if layout == Layout::RowMajor { len } else { stride };
                    let mut c = [T::ONE];
                    gemm(
                        GemmSize {
                            m: 1,
                            n: 1,
                            k_segments: &[[0, 0]],
                            segment_len: len,
                            batch_count: 1,
                        },
                        MatrixA { values: &a, layout, lda },
                        MatrixB { values: &vec![T::ONE; len], ldb: 1, batch_stride: 0 },
                        MatrixC::new(&mut c, 1, false),
                    );
                    let is_nan = c[0].to_f64().is_nan();
                    assert_eq!(
                        is_nan,
                        at.is_some(),
                        "{isa:?} {}, {layout:?}, stride {stride}: {at:?} of {len}",
                        T::NAME
                    );
                }
            }
        });
    }

    #[test]
    fn an_index_outside_and_strides_that_would_wrap_are_refused() {
        for (size, offset) in
            [([3, 1, 1, 1], 0), ([1, 7, 1, 1], 0), ([1, 1, 4, 1], 0), ([1, 1, 1, 1], 6)]
        {
            let strides = Strides { lda: 3, ldc: 8, offset, accumulate: true, ..FITTING };
            let refused = is_refused(|| product(size, Layout::RowMajor, strides, &[1.0; 6]));
            assert!(refused, "{size:?} from {offset}");
        }
        const HALF: usize = usize::MAX / 2 + 1;
        for layout in [Layout::RowMajor, Layout::ColumnMajor] {
            let product = |strides| product([3, 1, 3, 3], layout, strides, &[1.0; 24]);
            assert_eq!(product(FITTING).iter().filter(|&&c| c == 3.0).count(), 9);
            // Three rows, steps or matrices: with plain arithmetic the last would be at 2 · HALF = 0.
            for strides in [
                Strides { lda: HALF, ..FITTING },
                Strides { ldb: HALF, ..FITTING },
                Strides { ldc: HALF, ..FITTING },
                Strides { b_batch: HALF, ..FITTING },
                Strides { c_batch: HALF, ..FITTING },
                Strides { offset: usize::MAX, ..FITTING },
            ] {
                assert!(is_refused(|| product(strides)), "{layout:?}, {strides:?}");
            }
        }
    }

    #[test]
    fn a_stride_that_is_never_taken_may_be_any() {
        const MAX: usize = usize::MAX;
        let far = Strides { lda: MAX, ldb: MAX, ldc: MAX, b_batch: MAX, c_batch: MAX, ..FITTING };
        for layout in [Layout::RowMajor, Layout::ColumnMajor] {
            let strides = Strides { offset: 7, ..far };
            assert_eq!(product([1, 1, 1, 1], layout, strides, &[1.0; 24])[0], 1.0);
            // No step: the offset is not read either.
            let strides = Strides { offset: MAX, ..far };
            assert_eq!(product([1, 1, 0, 1], layout, strides, &[1.0; 24])[0], 0.0);
        }
    }
}
