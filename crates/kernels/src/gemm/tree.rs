//! Sums of products that are combined by a binary tree.

use std::mem::MaybeUninit;

use super::MatrixC;
use super::microkernel::{max_rows, part, row_major_terms};
use crate::Float;
use crate::bounds::{check, end};
use crate::prefetch::{LINE, prefetch};
use crate::simd::{InstructionSet, Kernel, Vector, dispatch, has_avx512, with_constant};

/// The largest number of sums of a [`gemm_tree`] that wait for others.
const MAX_WAITING: usize = 16;

/// A product `A · B` of a [`gemm_tree`], `[m, k]` times `[k, n]`, both row-major.
#[derive(Clone, Copy, Debug)]
pub struct TreeTerm<'a, T> {
    /// From the first element of `A` on.
    pub a: &'a [T],
    /// Elements from one row of `A` to the next.
    pub lda: usize,
    /// From the first element of `B` on.
    pub b: &'a [T],
    /// Elements from one row of `B` to the next.
    pub ldb: usize,
    /// Elements from one `B` of the batch to the next.
    pub batch_stride: usize,
    /// Columns of `A` and rows of `B`.
    pub k: usize,
    /// Nothing if the next product is added to the same sum; else to how many of the sums before it, from the last to the
    /// first, this one is added when it is complete.
    pub joins: Option<usize>,
}

impl<T> Default for TreeTerm<'_, T> {
    fn default() -> Self {
        Self { a: &[], lda: 0, b: &[], ldb: 0, batch_stride: 0, k: 0, joins: None }
    }
}

/// `C = Σ A · B`, or `C += Σ A · B` with `accumulate`, over all products, for each `[m, n]` matrix `C` of a batch. The `A` are
/// the same for all of it.
///
/// Each sum begins at zero, and its products are added in the order of `k` and of the terms. A complete sum waits until a
/// later one joins it: `before + later` takes the place of both. So the joins give a binary tree of sums, and all of it
/// happens in registers and the first-level cache.
///
/// # Panics
///
/// If an index leaves its slice, if the joins do not make one sum of all, or if there is a bias.
///
/// # Examples
///
/// ```
/// use gradus_kernels::gemm::{MatrixC, TreeTerm, gemm_tree};
///
/// // (1·1 + 2·2) + (3·3 + 4·4), each product of one step.
/// let values = [1.0f32, 2.0, 3.0, 4.0];
/// let joins = [None, Some(0), None, Some(1)];
/// let terms: Vec<_> = values
///     .iter()
///     .zip(joins)
///     .map(|(value, joins)| {
///         let value = std::slice::from_ref(value);
///         TreeTerm { a: value, lda: 1, b: value, ldb: 1, batch_stride: 0, k: 1, joins }
///     })
///     .collect();
/// let mut c = [0.0];
/// gemm_tree([1, 1, 1], &terms, MatrixC::new(&mut c, 1, false));
/// assert_eq!(c, [30.0]);
/// ```
#[inline(never)]
pub fn gemm_tree<T: Float>(
    [m, n, batch_count]: [usize; 3],
    terms: &[TreeTerm<'_, T>],
    c: MatrixC<'_, T>,
) {
    let mut waiting = 0;
    for (i, term) in terms.iter().enumerate() {
        if let Some(joins) = term.joins {
            assert!(joins <= waiting, "term {i} joins {joins} of {waiting} sums");
            waiting = waiting + 1 - joins;
            assert!(waiting <= MAX_WAITING, "more than {MAX_WAITING} sums wait");
        }
    }
    let is_whole = terms.last().is_some_and(|term| term.joins.is_some());
    assert!(waiting == 1 && is_whole, "{} terms end as {waiting} sums", terms.len());
    if m == 0 || n == 0 || batch_count == 0 {
        return;
    }
    let last_batch = batch_count - 1;
    for term in terms.iter().filter(|term| term.k > 0) {
        check("A", end([(m - 1, term.lda)], 0, term.k), term.a.len());
        let strides = [(last_batch, term.batch_stride), (term.k - 1, term.ldb)];
        check("B", end(strides, 0, n), term.b.len());
    }
    let MatrixC { values, ldc, batch_stride, accumulate, bias } = c;
    check("C", end([(last_batch, batch_stride), (m - 1, ldc)], 0, n), values.len());
    assert!(ldc >= n || m == 1, "rows of C overlap: {n} columns, {ldc} from row to row");
    assert!(bias.is_empty(), "a bias of {} for a tree of products", bias.len());
    let (ldc, batch_stride) = (ldc.min(values.len()), batch_stride.min(values.len()));
    let c = values.as_mut_ptr();
    dispatch(&TreeArgs { m, n, batch_count, terms, c, ldc, batch_stride, accumulate });
}

/// [`gemm_tree`] for a type.
type GemmTree<T> = fn([usize; 3], &[TreeTerm<'_, T>], MatrixC<'_, T>);
// Compiled here once, as `gemm` is.
#[used]
static F32: GemmTree<f32> = gemm_tree;
#[used]
static F64: GemmTree<f64> = gemm_tree;

/// A checked [`gemm_tree`]: every index is inside its slice, and the joins make one sum of all, of which at most
/// [`MAX_WAITING`] wait.
struct TreeArgs<'a, T> {
    m: usize,
    n: usize,
    batch_count: usize,
    terms: &'a [TreeTerm<'a, T>],
    c: *mut T,
    ldc: usize,
    /// Elements from one `C` of the batch to the next.
    batch_stride: usize,
    accumulate: bool,
}

impl<T: Float> Kernel for &TreeArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        let lanes = T::Vector::<S>::LANES;
        let rest = self.n % (2 * lanes);
        let narrow = if rest <= lanes { rest } else { 0 };
        let middle = self.n - narrow;
        if middle > 0 {
            set.call(TreeColumns::<_, false> { args: self, first: 0, end: middle });
        }
        if narrow > 0 {
            set.call(TreeColumns::<_, true> { args: self, first: middle, end: self.n });
        }
    }
}

/// The blocks of some columns of `C`, from `first` to `end`: see [`columns`].
struct TreeColumns<'a, T, const IS_NARROW: bool> {
    args: &'a TreeArgs<'a, T>,
    first: usize,
    end: usize,
}

impl<T: Float, const IS_NARROW: bool> Kernel for TreeColumns<'_, T, IS_NARROW> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        for batch in 0..self.args.batch_count {
            columns::<T::Vector<S>, IS_NARROW>(set, self.args, batch, self.first, self.end);
        }
    }
}

/// Cuts the columns of a `C` of the batch from `first` to `end` into blocks: two vectors wide, or one that has higher blocks.
#[inline(always)]
fn columns<V: Vector, const IS_NARROW: bool>(
    set: V::Set,
    args: &TreeArgs<'_, V::Scalar>,
    batch: usize,
    first: usize,
    end: usize,
) {
    let width = if IS_NARROW { V::LANES } else { 2 * V::LANES };
    let mut row = 0;
    while row < args.m {
        let n_rows = part(args.m - row, max_rows::<V>(IS_NARROW));
        for column in (first..end).step_by(width) {
            let last = (end - column).min(width) - (width - V::LANES);
            // SAFETY: the block ends at the last row and column.
            unsafe {
                with_constant!(NV = width / V::LANES, max 2 - IS_NARROW as usize, 2 1
                => with_constant!(MR = n_rows, max max_rows::<V>(IS_NARROW), 12 11 10 9 8 7 6 5 4 3 2 1
                    => block::<V, MR, NV>(set, args, batch, [row, column], last)));
            }
        }
        row += n_rows;
    }
}

/// One block: `MR` rows by `NV` vectors, the last of which has `last` columns.
///
/// # Safety
///
/// The block lies inside `C`.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NV: usize>(
    set: V::Set,
    args: &TreeArgs<'_, V::Scalar>,
    batch: usize,
    [row, column]: [usize; 2],
    last: usize,
) {
    let mut waiting = [const { MaybeUninit::<[[V; NV]; MR]>::uninit() }; MAX_WAITING];
    // Where the next sum waits.
    let mut top = waiting.as_mut_ptr().cast::<[[V; NV]; MR]>();
    let mut terms = args.terms;
    let c = args.c.wrapping_add(batch * args.batch_stride + row * args.ldc + column);
    // The same rows of the block after the next: stores are committed in order, and would wait for a line that is not cached.
    let lines_per_row = (NV * V::LANES * size_of::<V::Scalar>()).div_ceil(LINE);
    let (mut ahead, mut rows_ahead) = (c.wrapping_add(2 * NV * V::LANES), MR);
    let rows_per_sum = MR.div_ceil(terms.len());
    // SAFETY: rows and columns of the block have so many steps, as was checked; a sum that waits was written, and there is
    // space for all that wait; the block lies inside `C`.
    unsafe {
        loop {
            let now = rows_ahead.min(rows_per_sum);
            rows_ahead -= now;
            for _ in 0..now {
                for line in 0..lines_per_row {
                    prefetch(ahead.wrapping_byte_add(line * LINE));
                }
                ahead = ahead.wrapping_add(args.ldc);
            }
            let mut sums = [[V::zero(set); NV]; MR];
            let mut joins = None;
            while let (None, [term, rest @ ..]) = (joins, terms) {
                // Not read if there is no step.
                let a = term.a.as_ptr().wrapping_add(row.wrapping_mul(term.lda));
                let b = term.b.as_ptr();
                let b = b.wrapping_add(batch.wrapping_mul(term.batch_stride)).wrapping_add(column);
                let (a, b) = ((a, term.lda), (b, term.ldb, V::LANES));
                // Two loops: one that asks in each step whether vectors are whole would be slower.
                if last == V::LANES {
                    row_major_terms(set, a, b, term.k, V::LANES, &mut sums);
                } else {
                    row_major_terms(set, a, b, term.k, last, &mut sums);
                }
                (joins, terms) = (term.joins, rest);
            }
            for _ in 0..joins.unwrap_or(0) {
                top = top.sub(1);
                for (sum, before) in sums.as_flattened_mut().iter_mut().zip((*top).as_flattened()) {
                    *sum = before.add(*sum);
                }
            }
            if terms.is_empty() {
                for (i, sums) in sums.iter().enumerate() {
                    for (v, &sum) in sums.iter().enumerate() {
                        let count = if v + 1 == NV { last } else { V::LANES };
                        let c = c.add(i * args.ldc + v * V::LANES);
                        let sum =
                            if args.accumulate { V::load(set, c, count).add(sum) } else { sum };
                        sum.store(c, count);
                    }
                }
                return;
            }
            top.write(sums);
            top = top.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{GemmSize, Layout, MatrixA, MatrixB, gemm};
    use crate::testing::{self, normals, on_each_isa};

    /// Steps of each product, and its joins.
    type Case = &'static [(usize, Option<usize>)];

    const CASES: [Case; 7] = [
        &[(5, Some(0))],
        &[(3, None), (4, Some(0))],
        &[(16, Some(0)), (16, Some(1))],
        // ((0 1) 2), the last of two products and one without steps.
        &[(1, Some(0)), (2, Some(1)), (7, None), (0, None), (3, Some(1))],
        // ((0 1) (2 3)) 4
        &[(4, Some(0)), (5, Some(1)), (4, Some(0)), (5, Some(2)), (1, Some(1))],
        &[(13, Some(0)), (12, Some(0)), (13, Some(0)), (12, Some(3))],
        &[(0, Some(0)), (0, Some(1))],
    ];

    /// The same with [`gemm()`], a matrix for each sum; for one matrix of the batch.
    fn expected<T: Float>([m, n, batch]: [usize; 3], terms: &[TreeTerm<'_, T>]) -> Vec<T> {
        let mut sums: Vec<Vec<T>> = Vec::new();
        let mut is_begun = false;
        for &TreeTerm { a, lda, b, ldb, batch_stride, k, joins } in terms {
            if !is_begun {
                sums.push(vec![T::ZERO; m * n]);
            }
            is_begun = joins.is_none();
            let size = GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 };
            let a = MatrixA { values: a, layout: Layout::RowMajor, lda };
            let b = MatrixB { values: &b[batch * batch_stride..], ldb, batch_stride: 0 };
            // A single row would skip zeros; there are none.
            gemm(size, a, b, MatrixC::new(sums.last_mut().unwrap(), n, true));
            for _ in 0..joins.unwrap_or(0) {
                let last = sums.pop().unwrap();
                let before = sums.last_mut().unwrap();
                before.iter_mut().zip(last).for_each(|(sum, last)| *sum += last);
            }
        }
        sums.pop().unwrap()
    }

    fn agrees<T: Float>() {
        let sizes = [1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 24, 25, 32, 33, 48, 49];
        for case in CASES {
            let n_steps: usize = case.iter().map(|(k, _)| k).sum();
            for m in sizes {
                for n in sizes {
                    let (pad, most) = (3, 49);
                    let (batch_count, ldc) = (1 + (m + n) % 3, n + pad);
                    let batch_stride = ldc * n_steps;
                    let b_len = batch_stride * batch_count + most;
                    let [a, b]: [Vec<T>; 2] = [normals(m * (n_steps + pad), 1), normals(b_len, 2)];
                    let mut step = 0;
                    let terms: Vec<_> = case
                        .iter()
                        .map(|&(k, joins)| {
                            let [a, b] = [&a[step..], &b[step * ldc..]];
                            step += k;
                            TreeTerm { a, lda: n_steps + pad, b, ldb: ldc, batch_stride, k, joins }
                        })
                        .collect();
                    let start: Vec<T> = normals(m * ldc * batch_count, 3);
                    on_each_isa(|isa| {
                        let sums: Vec<_> = (0..batch_count)
                            .flat_map(|batch| expected([m, n, batch], &terms))
                            .collect();
                        for accumulate in [false, true] {
                            let mut found = start.clone();
                            let c = MatrixC::new(&mut found, ldc, accumulate);
                            let c = MatrixC { batch_stride: m * ldc, ..c };
                            gemm_tree([m, n, batch_count], &terms, c);
                            for (at, (&found, &start)) in found.iter().zip(&start).enumerate() {
                                let (i, j) = (at / ldc, at % ldc);
                                let sum = (j < n).then(|| sums[i * n + j]);
                                let expected = match sum {
                                    Some(sum) if accumulate => start + sum,
                                    Some(sum) => sum,
                                    None => start,
                                };
                                assert!(
                                    found == expected,
                                    "{isa:?} {}, {m} by {n}, {case:?}, accumulate {accumulate}, [{i}, {j}]: {found:?}, expected {expected:?}",
                                    T::NAME
                                );
                            }
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn a_tree_of_products_has_the_bytes_of_its_sums_one_by_one() {
        agrees::<f32>();
        agrees::<f64>();
    }

    #[test]
    fn indices_outside_and_joins_that_make_several_sums_are_refused() {
        let values = [1.0f32; 24];
        let whole =
            TreeTerm { a: &values, lda: 4, b: &values, ldb: 6, batch_stride: 0, k: 4, joins: None };
        let term = |joins| TreeTerm { joins, ..whole };
        let is_refused = |[m, n]: [usize; 2], terms: &[TreeTerm<'_, f32>], ldc, batch_stride| {
            let c = &mut [0.0; 36];
            let c = MatrixC { batch_stride, ..MatrixC::new(c, ldc, false) };
            testing::is_refused(|| gemm_tree([m, n, 2], terms, c))
        };
        let fitting = [term(Some(0))];
        assert!(!is_refused([6, 6], &fitting, 6, 0));
        for (size, ldc, batch_stride) in [
            ([7, 5], 5, 0),
            ([5, 7], 7, 0),
            ([6, 6], 7, 0),
            ([6, 6], 5, 0),
            ([6, 6], usize::MAX, 0),
            ([6, 6], 6, 1),
            ([6, 6], 6, usize::MAX),
        ] {
            assert!(
                is_refused(size, &fitting, ldc, batch_stride),
                "{size:?}, {ldc}, {batch_stride}"
            );
        }
        for term in [
            TreeTerm { k: 5, ..fitting[0] },
            TreeTerm { lda: usize::MAX, ..fitting[0] },
            TreeTerm { ldb: usize::MAX, ..fitting[0] },
            TreeTerm { batch_stride: 1, ..fitting[0] },
            TreeTerm { batch_stride: usize::MAX, ..fitting[0] },
        ] {
            assert!(is_refused([6, 6], &[term], 6, 0), "{term:?}");
        }
        for joins in [
            &[][..],
            &[None],
            &[Some(1)],
            &[Some(0), Some(0)],
            &[Some(0), None],
            &[Some(0), Some(2)],
            &[Some(0), Some(usize::MAX)],
            &[Some(0); MAX_WAITING + 1],
        ] {
            let terms: Vec<_> = joins.iter().map(|&joins| term(joins)).collect();
            assert!(is_refused([6, 6], &terms, 6, 0), "{joins:?}");
        }
        assert!(testing::is_refused(|| {
            let c = &mut [0.0; 36];
            let c = MatrixC { bias: &[1.0; 6], ..MatrixC::new(c, 6, false) };
            gemm_tree([6, 6, 1], &fitting, c);
        }));
    }
}
