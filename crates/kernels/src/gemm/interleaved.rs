//! Products of many small matrices at once, which are interleaved: equal elements of all matrices lie side by side.

use super::microkernel::multiply_add;
use crate::Float;
use crate::bounds::{check, end};
use crate::simd::{InstructionSet, Kernel, Vector, dispatch, has_avx512, with_constant};

/// The sizes of a [`gemm_interleaved`].
#[derive(Clone, Copy, Debug)]
pub struct InterleavedSize {
    /// Rows of `A` and `C`.
    pub m: usize,
    /// Columns of `B` and `C`.
    pub n: usize,
    /// Columns of `A` and rows of `B`.
    pub k: usize,
    /// How many matrices each operand has: contiguous numbers of one element.
    pub count: usize,
}

/// An operand of a [`gemm_interleaved`].
#[derive(Clone, Copy, Debug)]
pub struct InterleavedMatrix<'a, T> {
    /// All values, from the first to be read.
    pub values: &'a [T],
    /// From one row to the next, and from one column to the next. A transposed matrix has them the other way round.
    pub strides: [usize; 2],
}

/// `C = A · B`, or `C += A · B` with `accumulate`, for each of `count` interleaved matrices `s`:
///
/// `c[i·strides[0] + j·strides[1] + s] = Σ_k a[i, k, s] · b[k, j, s]`
///
/// The sum runs in the order of `k`.
///
/// Source: Dongarra et al. (2017), "The design and performance of batched BLAS on modern high-performance computing
/// systems", on interleaved batches.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::gemm::{InterleavedMatrix, InterleavedSize, gemm_interleaved};
///
/// // [1, 2] · [2, 1], twice: 1·3 + 2·4 and 10·3 + 20·4.
/// let a = InterleavedMatrix { values: &[1.0f32, 10.0, 2.0, 20.0], strides: [4, 2] };
/// let b = InterleavedMatrix { values: &[3.0, 3.0, 4.0, 4.0], strides: [2, 2] };
/// let mut c = [0.0; 2];
/// let size = InterleavedSize { m: 1, n: 1, k: 2, count: 2 };
/// gemm_interleaved(size, a, b, (&mut c, [2, 2]), false);
/// assert_eq!(c, [11.0, 110.0]);
/// ```
#[inline(never)]
pub fn gemm_interleaved<T: Float>(
    size: InterleavedSize,
    a: InterleavedMatrix<'_, T>,
    b: InterleavedMatrix<'_, T>,
    (c, c_strides): (&mut [T], [usize; 2]),
    accumulate: bool,
) {
    let InterleavedSize { m, n, k, count } = size;
    if m == 0 || n == 0 || count == 0 {
        return;
    }
    let last = |[rows, columns]: [usize; 2], [row, column]: [usize; 2]| {
        end([(rows - 1, row), (columns - 1, column)], 0, count)
    };
    check("C", last([m, n], c_strides), c.len());
    if k > 0 {
        check("A", last([m, k], a.strides), a.values.len());
        check("B", last([k, n], b.strides), b.values.len());
    }
    // A stride that is longer than its slice is never taken: no product of it may overflow.
    let within = |strides: [usize; 2], len: usize| strides.map(|stride| stride.min(len));
    dispatch(InterleavedArgs {
        size,
        a: a.values.as_ptr(),
        a_strides: within(a.strides, a.values.len()),
        b: b.values.as_ptr(),
        b_strides: within(b.strides, b.values.len()),
        c_strides: within(c_strides, c.len()),
        c: c.as_mut_ptr(),
        accumulate,
    });
}

/// [`gemm_interleaved`] for a type.
type GemmInterleaved<T> = fn(
    InterleavedSize,
    InterleavedMatrix<'_, T>,
    InterleavedMatrix<'_, T>,
    (&mut [T], [usize; 2]),
    bool,
);
// Compiled here once, as `gemm` is.
#[used]
static F32: GemmInterleaved<f32> = gemm_interleaved;
#[used]
static F64: GemmInterleaved<f64> = gemm_interleaved;

/// A checked [`gemm_interleaved`]: every index is inside its slice, and `C` overlaps neither operand.
#[derive(Clone, Copy, Debug)]
struct InterleavedArgs<T> {
    size: InterleavedSize,
    a: *const T,
    a_strides: [usize; 2],
    b: *const T,
    b_strides: [usize; 2],
    c: *mut T,
    c_strides: [usize; 2],
    accumulate: bool,
}

impl<T: Float> Kernel for InterleavedArgs<T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        blocks::<T::Vector<S>>(set, &self);
    }
}

/// The side of the largest block: its square fits into the registers beside a row and a factor.
const fn max_side<V: Vector>() -> usize {
    if V::ROWS > 6 { 4 } else { 3 }
}

/// Cuts `C` into square blocks. Columns are the outer loop: those of `B` stay in the first-level cache.
#[inline(always)]
fn blocks<V: Vector>(set: V::Set, args: &InterleavedArgs<V::Scalar>) {
    let InterleavedSize { m, n, count, .. } = args.size;
    for column in (0..n).step_by(max_side::<V>()) {
        let n_columns = (n - column).min(max_side::<V>());
        for row in (0..m).step_by(max_side::<V>()) {
            let n_rows = (m - row).min(max_side::<V>());
            // SAFETY: the block ends with `C`, and its vectors with the last matrix.
            unsafe {
                with_constant!(MR = n_rows, max max_side::<V>(), 4 3 2 1
                => with_constant!(NR = n_columns, max max_side::<V>(), 4 3 2 1 => {
                    let whole = count / V::LANES * V::LANES;
                    for first in (0..whole).step_by(V::LANES) {
                        block::<V, MR, NR>(set, args, [row, column], first, V::LANES);
                    }
                    if whole < count {
                        block::<V, MR, NR>(set, args, [row, column], whole, count - whole);
                    }
                }));
            }
        }
    }
}

/// `MR` by `NR` elements of `len` matrices from `first` on.
///
/// # Safety
///
/// The block lies inside `C`, and `1 <= len <= V::LANES`.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NR: usize>(
    set: V::Set,
    args: &InterleavedArgs<V::Scalar>,
    [row, column]: [usize; 2],
    first: usize,
    len: usize,
) {
    let InterleavedArgs { a_strides, b_strides, c_strides, .. } = *args;
    // SAFETY: every pointer that is read or written stays inside its slice, as `gemm_interleaved` has checked.
    unsafe {
        let c = args.c.add(row * c_strides[0] + column * c_strides[1] + first);
        let mut sums = [[V::zero(set); NR]; MR];
        if args.accumulate {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = V::load(set, c.add(i * c_strides[0] + j * c_strides[1]), len);
                }
            }
        }
        // `wrapping_add`: after the last step the pointers may leave their slices, unread.
        let mut a = args.a.wrapping_add(row * a_strides[0] + first);
        let mut b = args.b.wrapping_add(column * b_strides[1] + first);
        for _ in 0..args.size.k {
            let mut b_row = [V::zero(set); NR];
            for (j, value) in b_row.iter_mut().enumerate() {
                *value = V::load(set, b.add(j * b_strides[1]), len);
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                multiply_add(V::load(set, a.add(i * a_strides[0]), len), &b_row, sums);
            }
            a = a.wrapping_add(a_strides[1]);
            b = b.wrapping_add(b_strides[0]);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.store(c.add(i * c_strides[0] + j * c_strides[1]), len);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use crate::testing::{LENGTHS, is_refused, normals, on_each_isa};

    /// Operands and result with a gap after each row, and transposed operands if so.
    fn one_case<T: Float>(isa: Isa, [m, n, k, count]: [usize; 4], is_transposed: bool, bound: f64) {
        let strides = |rows: usize, columns: usize| match is_transposed {
            true => [count, rows * count + 3],
            false => [columns * count + 3, count],
        };
        let len = |rows: usize, columns: usize| rows * columns * count + 3 * rows.max(columns);
        let (a, b) = (normals::<T>(len(m, k), 1), normals::<T>(len(k, n), 2));
        let a = InterleavedMatrix { values: &a, strides: strides(m, k) };
        let b = InterleavedMatrix { values: &b, strides: strides(k, n) };
        let start: Vec<T> = normals(len(m, n), 3);
        let c_strides = [n * count + 3, count];
        for accumulate in [false, true] {
            let mut c = start.clone();
            let size = InterleavedSize { m, n, k, count };
            gemm_interleaved(size, a, b, (&mut c, c_strides), accumulate);
            let mut naive = start.clone();
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                for s in 0..count {
                    let at = |matrix: InterleavedMatrix<'_, T>, row: usize, column: usize| {
                        matrix.values[row * matrix.strides[0] + column * matrix.strides[1] + s]
                    };
                    let sum: T = (0..k).map(|l| at(a, i, l) * at(b, l, j)).sum();
                    let c = &mut naive[i * c_strides[0] + j * c_strides[1] + s];
                    *c = sum + if accumulate { *c } else { T::ZERO };
                }
            }
            for (i, (c, naive)) in c.iter().zip(&naive).enumerate() {
                let (c, naive) = (c.to_f64(), naive.to_f64());
                assert!(
                    (c - naive).abs() <= bound * (1.0 + naive.abs()),
                    "{isa:?} {}: {m} {n} {k} {count}, {accumulate}, element {i}: {c} against {naive}",
                    T::NAME,
                );
            }
        }
    }

    #[test]
    fn tuned_and_naive_agree() {
        on_each_isa(|isa| {
            for len in LENGTHS {
                for [m, n, k, count] in
                    [[2, 3, 2, len], [len, 2, 2, 3], [2, len, 2, 3], [2, 2, len, 3]]
                {
                    one_case::<f32>(isa, [m, n, k, count], false, 1e-4);
                }
            }
            let sizes = [1, 2, 3, 4, 5, 7, 9];
            for (m, n) in sizes.into_iter().flat_map(|m| sizes.map(|n| (m, n))) {
                for (k, count) in [(0, 3), (1, 1), (5, 4), (3, 16), (8, 21), (2, 33)] {
                    for is_transposed in [false, true] {
                        one_case::<f32>(isa, [m, n, k, count], is_transposed, 1e-5);
                        one_case::<f64>(isa, [m, n, k, count], is_transposed, 1e-13);
                    }
                }
            }
        });
    }

    #[test]
    fn an_index_outside_is_refused_and_a_stride_that_is_never_taken_may_be_any() {
        const MAX: usize = usize::MAX;
        let run = |[m, n, k, count]: [usize; 4], strides: [usize; 2]| {
            let operand = InterleavedMatrix { values: &[1.0f32; 8], strides };
            let mut c = [0.0; 8];
            let size = InterleavedSize { m, n, k, count };
            gemm_interleaved(size, operand, operand, (&mut c, strides), false);
            c[0]
        };
        assert_eq!(run([2, 2, 2, 2], [4, 2]), 2.0);
        assert_eq!(run([1, 1, 1, 8], [MAX, MAX]), 1.0);
        assert_eq!(run([0, 1, 1, 9], [4, 2]), 0.0);
        for (size, strides) in [
            ([3, 1, 1, 2], [4, 2]),
            ([1, 3, 1, 2], [4, 4]),
            ([1, 1, 3, 2], [4, 4]),
            ([1, 1, 1, 9], [4, 2]),
            // With plain arithmetic these ends would wrap to small numbers.
            ([3, 1, 1, 1], [MAX / 2 + 1, 1]),
            ([1, 1, 3, 1], [1, MAX / 2 + 1]),
            ([2, 2, 1, 1], [MAX, 1]),
        ] {
            assert!(is_refused(|| run(size, strides)), "{size:?}, {strides:?}");
        }
    }
}
