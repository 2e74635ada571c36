//! The product whose inner index is the contiguous axis of both operands, `A · Bᵀ`.

use super::microkernel::{multiply_add, opaque, part};
use super::operands::furthest;
use crate::bounds::{check, end};
use crate::simd::{InstructionSet, Kernel, Vector, dispatch, has_avx512, with_constant};
use crate::{Float, MAX_LANES};

/// Partial sums of each element of a [`gemm_nt`] result.
pub const PARTIAL_SUMS: usize = MAX_LANES;

/// The sizes of a [`gemm_nt`].
#[derive(Clone, Copy, Debug)]
pub struct GemmNtSize<'a> {
    /// Rows of `A` and of the result.
    pub m: usize,
    /// Rows of `B` and columns of the result.
    pub n: usize,
    /// For each segment of the inner index the offset of its first element in `A` and in `B`.
    pub k_segments: &'a [[usize; 2]],
    /// Contiguous elements of every segment.
    pub segment_len: usize,
}

/// An operand of a [`gemm_nt`]: a row-major matrix.
#[derive(Clone, Copy, Debug)]
pub struct NtOperand<'a, T> {
    /// All values; the segments give the offsets into them.
    pub values: &'a [T],
    /// The leading dimension: elements from one row to the next.
    pub ld: usize,
}

/// `A · Bᵀ` in [`PARTIAL_SUMS`] sums for each element; [`add_row_sums`](crate::add_row_sums) adds them up.
///
/// `Σ sums[i, j, ..] = Σ_segment Σ_k a[segment_a + i·ld + k] · b[segment_b + j·ld + k]`
///
/// With `accumulate` it is added to what `sums` holds.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::add_row_sums;
/// use gradus_kernels::gemm::{GemmNtSize, NtOperand, PARTIAL_SUMS, gemm_nt};
///
/// // [1, 3] · [2, 3]ᵀ
/// let (a, b) = ([1.0f32, 2.0, 3.0], [1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
/// let rows = |values| NtOperand { values, ld: 3 };
/// let size = GemmNtSize { m: 1, n: 2, k_segments: &[[0, 0]], segment_len: 3 };
/// let mut sums = [0.0; 2 * PARTIAL_SUMS];
/// gemm_nt(size, rows(&a), rows(&b), &mut sums, false);
/// let mut c = [0.0; 2];
/// add_row_sums(&sums, PARTIAL_SUMS, &mut c);
/// assert_eq!(c, [6.0, 3.0]);
/// ```
#[inline(never)]
pub fn gemm_nt<T: Float>(
    size: GemmNtSize<'_>,
    a: NtOperand<'_, T>,
    b: NtOperand<'_, T>,
    sums: &mut [T],
    accumulate: bool,
) {
    let GemmNtSize { m, n, k_segments, segment_len } = size;
    if m == 0 || n == 0 {
        return;
    }
    let n_sums = m.checked_mul(n).and_then(|len| len.checked_mul(PARTIAL_SUMS));
    check("sums", n_sums, sums.len());
    if segment_len > 0 && !k_segments.is_empty() {
        let furthest = furthest(k_segments);
        let a = a.checked("A", m, furthest[0], segment_len);
        let b = b.checked("B", n, furthest[1], segment_len);
        dispatch(GemmNtArgs { size, a, b, sums: sums.as_mut_ptr(), accumulate });
    } else if !accumulate {
        sums[..m * n * PARTIAL_SUMS].fill(T::ZERO);
    }
}

/// [`gemm_nt`] for a type.
type GemmNt<T> = fn(GemmNtSize<'_>, NtOperand<'_, T>, NtOperand<'_, T>, &mut [T], bool);
// Compiled here once, as `gemm` is.
#[used]
static F32: GemmNt<f32> = gemm_nt;
#[used]
static F64: GemmNt<f64> = gemm_nt;

impl<T> NtOperand<'_, T> {
    fn checked(self, operand: &str, rows: usize, furthest: usize, segment_len: usize) -> Self {
        let len = self.values.len();
        check(operand, end([(rows - 1, self.ld)], furthest, segment_len), len);
        // A stride that is longer than the slice is never taken: no product of it may overflow.
        Self { ld: self.ld.min(len), ..self }
    }
}

/// A checked [`gemm_nt`]: every index is inside its slice, and `sums` overlaps neither operand.
#[derive(Debug)]
struct GemmNtArgs<'a, T> {
    size: GemmNtSize<'a>,
    a: NtOperand<'a, T>,
    b: NtOperand<'a, T>,
    sums: *mut T,
    accumulate: bool,
}

impl<T: Float> Kernel for GemmNtArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        blocks::<T::Vector<S>>(set, &self);
    }
}

/// Rows and columns of the largest block: its sums fit into the registers beside a row of `B` and a factor.
const fn max_block<V: Vector>() -> [usize; 2] {
    if V::ROWS > 6 { [6, 4] } else { [4, 3] }
}

/// Cuts the result into blocks of columns, and these into blocks of rows.
#[inline(always)]
fn blocks<V: Vector>(set: V::Set, args: &GemmNtArgs<'_, V::Scalar>) {
    let [max_rows, max_columns] = max_block::<V>();
    let mut column = 0;
    while column < args.size.n {
        let n_columns = part(args.size.n - column, max_columns);
        let mut row = 0;
        while row < args.size.m {
            let n_rows = part(args.size.m - row, max_rows);
            // SAFETY: the block ends with the result.
            unsafe {
                with_constant!(MR = n_rows, max max_block::<V>()[0], 6 5 4 3 2 1
                    => with_constant!(NR = n_columns, max max_block::<V>()[1], 4 3 2 1
                        => block::<V, MR, NR>(set, args, row, column)));
            }
            row += n_rows;
        }
        column += n_columns;
    }
}

/// `sums += A · B`, row by row, for `count` columns.
///
/// # Safety
///
/// `count` numbers can be read from each row of the block.
#[inline(always)]
unsafe fn add_products<V: Vector, const MR: usize, const NR: usize>(
    set: V::Set,
    args: &GemmNtArgs<'_, V::Scalar>,
    (a, b): (*const V::Scalar, *const V::Scalar),
    count: usize,
    sums: &mut [[V; NR]; MR],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut values = [V::zero(set); NR];
        for (j, value) in values.iter_mut().enumerate() {
            *value = V::load(set, b.add(j * args.b.ld), count);
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let factor = V::load(set, a.add(i * args.a.ld), count);
            multiply_add(factor, &values, sums);
        }
    }
}

/// `sums += A · B` for all segments, each of `len` columns; `a` and `b` are the first rows of the block.
///
/// # Safety
///
/// Each segment can be read from each row of the block.
#[inline(always)]
unsafe fn add_segments<V: Vector, const MR: usize, const NR: usize>(
    set: V::Set,
    args: &GemmNtArgs<'_, V::Scalar>,
    (a, b): (*const V::Scalar, *const V::Scalar),
    len: usize,
    sums: &mut [[V; NR]; MR],
) {
    for &[a_start, b_start] in args.size.k_segments {
        // `wrapping_add`: after the last vector the pointers may leave their slices, unread.
        let mut a = opaque(a.wrapping_add(a_start));
        let mut b = opaque(b.wrapping_add(b_start));
        // SAFETY: the caller's promise; the last vector reads no more elements than are left.
        unsafe {
            for _ in 0..len / V::LANES {
                add_products(set, args, (a, b), V::LANES, sums);
                a = opaque(a.wrapping_add(V::LANES));
                b = opaque(b.wrapping_add(V::LANES));
            }
            let rest = len % V::LANES;
            if rest > 0 {
                add_products(set, args, (a, b), rest, sums);
            }
        }
    }
}

/// One block of `MR · NR` vectors of partial sums.
///
/// # Safety
///
/// The block lies inside the result.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NR: usize>(
    set: V::Set,
    args: &GemmNtArgs<'_, V::Scalar>,
    row: usize,
    column: usize,
) {
    let GemmNtSize { n, segment_len, .. } = args.size;
    // SAFETY: every pointer that is read stays inside its slice, as `gemm_nt` has checked, and each element of the result has
    // `PARTIAL_SUMS` sums.
    unsafe {
        let sums_of =
            |i: usize, j: usize| args.sums.add(((row + i) * n + column + j) * PARTIAL_SUMS);
        let zero = V::zero(set);
        let mut sums = [[zero; NR]; MR];
        if args.accumulate {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(set, sums_of(i, j), V::LANES);
                }
            }
        }
        // `wrapping_add`: not read before the start of a segment is added.
        let a = args.a.values.as_ptr().wrapping_add(row * args.a.ld);
        let b = args.b.values.as_ptr().wrapping_add(column * args.b.ld);
        // The samples of the narrowest tiles: so few steps that a loop would cost as much.
        if segment_len == PARTIAL_SUMS {
            add_segments(set, args, (a, b), PARTIAL_SUMS, &mut sums);
        } else {
            add_segments(set, args, (a, b), segment_len, &mut sums);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.store(sums_of(i, j), V::LANES);
                if !args.accumulate {
                    for lane in (V::LANES..PARTIAL_SUMS).step_by(V::LANES) {
                        zero.store(sums_of(i, j).add(lane), V::LANES);
                    }
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

    /// The plain loops that [`gemm_nt`] is tested against; `c` takes one number for each element.
    fn gemm_nt_naive<T: Float>(
        size: GemmNtSize<'_>,
        a: NtOperand<'_, T>,
        b: NtOperand<'_, T>,
        c: &mut [T],
    ) {
        for i in 0..size.m {
            for j in 0..size.n {
                for [a_start, b_start] in size.k_segments {
                    for k in 0..size.segment_len {
                        c[i * size.n + j] +=
                            a.values[a_start + i * a.ld + k] * b.values[b_start + j * b.ld + k];
                    }
                }
            }
        }
    }

    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 9, 13];
        on_each_isa(|isa| {
            for m in sizes {
                for n in sizes {
                    for (length, count) in [(1, 1), (4, 2), (16, 3), (25, 2), (32, 1), (32, 0)] {
                        one_case::<T>(isa, [m, n, length, count], tolerance);
                    }
                }
            }
            for len in LENGTHS {
                one_case::<T>(isa, [3, 2, len, 2], tolerance);
                one_case::<T>(isa, [len, 2, 5, 1], tolerance);
                one_case::<T>(isa, [2, len, 5, 1], tolerance);
            }
        });
    }

    fn one_case<T: Float>(isa: Isa, sizes: [usize; 4], tolerance: f64) {
        let [m, n, segment_len, segment_count] = sizes;
        let ld = segment_len + 3;
        let a: Vec<T> = normals(m * segment_count * ld, 1);
        let b: Vec<T> = normals(n * segment_count * ld, 2);
        let k_segments: Vec<_> = (0..segment_count).map(|i| [i * m * ld, i * n * ld]).collect();
        let size = GemmNtSize { m, n, k_segments: &k_segments, segment_len };
        let [a, b] = [&a, &b].map(|values| NtOperand { values, ld });
        let start: Vec<T> = normals(m * n, 3);
        let (mut tuned, mut naive) = (start.clone(), start);
        // What the sums held before must not count, and what the first call left must.
        let mut sums = vec![T::from_f64(7.0); m * n * PARTIAL_SUMS];
        for accumulate in [false, true] {
            gemm_nt(size, a, b, &mut sums, accumulate);
            gemm_nt_naive(size, a, b, &mut naive);
        }
        crate::add_row_sums(&sums, PARTIAL_SUMS, &mut tuned);
        // Rounding grows with the number of terms, of which 64 are the most of the small sizes.
        let terms = (segment_len * segment_count) as f64 / 64.0;
        let tolerance = tolerance * terms.max(1.0).sqrt();
        for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
            let (t, n) = (t.to_f64(), n.to_f64());
            assert!(
                (t - n).abs() <= tolerance * (1.0 + n.abs()),
                "{isa:?} {}: {sizes:?}, element {i}: {t} against {n}",
                T::NAME,
            );
        }
    }

    #[test]
    fn tuned_and_naive_agree() {
        agrees::<f32>(2e-5);
        agrees::<f64>(1e-13);
    }

    #[test]
    fn an_index_outside_is_refused() {
        const MAX: usize = usize::MAX;
        for ([m, n, segment_len], ld, k_segments, n_sums) in [
            ([3, 1, 1], 3, [[0, 0]], 48),
            ([1, 3, 1], 3, [[0, 0]], 48),
            ([1, 1, 7], 3, [[0, 0]], 16),
            ([1, 1, 1], 3, [[6, 0]], 16),
            ([1, 1, 1], 3, [[0, 6]], 16),
            ([1, 1, 1], 3, [[0, 0]], 15),
            // With plain arithmetic these ends would wrap to small numbers.
            ([3, 1, 1], MAX / 2 + 1, [[0, 0]], 48),
            ([1, 2, 2], MAX, [[0, 0]], 48),
            ([1, 1, 1], 0, [[MAX, 0]], 16),
            ([1, 2, 1], 2, [[0, MAX - 1]], 32),
            ([MAX / 16 + 2, 1, 0], 0, [[0, 0]], 16),
        ] {
            let refused = is_refused(|| {
                let operand = NtOperand { values: &[1.0f32; 6], ld };
                let size = GemmNtSize { m, n, k_segments: &k_segments, segment_len };
                gemm_nt(size, operand, operand, &mut vec![0.0; n_sums], false);
            });
            assert!(refused, "{m}, {n}, {segment_len}: rows {ld} apart, {k_segments:?}");
        }
    }

    #[test]
    fn a_stride_that_is_never_taken_may_be_any() {
        let operand = NtOperand { values: &[1.0f32; 6], ld: usize::MAX };
        let size = GemmNtSize { m: 1, n: 1, k_segments: &[[0, 0]], segment_len: 6 };
        let mut sums = [0.0; PARTIAL_SUMS];
        gemm_nt(size, operand, operand, &mut sums, false);
        assert_eq!(sums.iter().sum::<f32>(), 6.0);
    }
}
