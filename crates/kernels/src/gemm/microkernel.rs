//! The micro-kernel: a block of `C` that stays in registers from its first term to its last.

use std::ops::Range;

use super::operands::{GemmArgs, GemmSize, Layout};
use crate::Float;
use crate::prefetch::prefetch;
use crate::simd::{InstructionSet, Kernel, Vector, has_avx512, with_constant};

/// Rows of the largest block of any instruction set: shares of threads should be multiples of it.
pub const MAX_BLOCK_ROWS: usize = 12;

impl<T: Float> Kernel for &GemmArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        matrices(set, self);
    }
}

/// The blocks of some columns of some matrices of the batch, of pairs if they are two at a time: see [`columns`].
struct Columns<'a, T, const IS_PAIR: bool, const IS_NARROW: bool, const COLUMN_MAJOR: bool> {
    args: &'a GemmArgs<'a, T>,
    batch: Range<usize>,
    columns: Range<usize>,
}

impl<T: Float, const IS_PAIR: bool, const IS_NARROW: bool, const COLUMN_MAJOR: bool> Kernel
    for Columns<'_, T, IS_PAIR, IS_NARROW, COLUMN_MAJOR>
{
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        let Range { start, end } = self.columns;
        // What lies behind a reference is read again for each matrix, since `C` is written between. A row-major `A` has many
        // pointers, and no registers for more.
        let copy = *self.args;
        let args = if COLUMN_MAJOR { &copy } else { self.args };
        for batch in self.batch.step_by(1 + usize::from(IS_PAIR)) {
            let args = args.of_matrix(batch);
            columns::<T::Vector<S>, IS_PAIR, IS_NARROW, COLUMN_MAJOR>(set, &args, start, end);
        }
    }
}

/// The next part of `rest`: at most `max`, and the last two about the same.
#[inline(always)]
pub(super) fn part(rest: usize, max: usize) -> usize {
    if (max + 1..2 * max).contains(&rest) { rest.div_ceil(2) } else { rest.min(max) }
}

#[inline(always)]
fn matrices<T: Float, S: InstructionSet>(set: S, args: &GemmArgs<'_, T>) {
    let GemmSize { m, n, batch_count, .. } = args.size;
    // Where `C` is one vector wide, two of the batch are the two vectors of a block.
    let is_vector = n == T::Vector::<S>::LANES;
    let paired = if is_vector { batch_count / 2 * 2 } else { 0 };
    if paired > 0 {
        blocks::<T, S, true>(set, args, 0..paired);
    }
    if m == 1 {
        for batch in paired..batch_count {
            single_row::<T::Vector<S>>(set, &args.of_matrix(batch));
        }
    } else if paired < batch_count {
        blocks::<T, S, false>(set, args, paired..batch_count);
    }
}

/// Rows of the largest block: one that is a single vector wide has enough sums that none waits for its predecessor.
pub(super) const fn max_rows<V: Vector>(is_narrow: bool) -> usize {
    if is_narrow { MAX_BLOCK_ROWS } else { V::ROWS }
}

/// Cuts matrices of the batch into columns of two vectors, of which blocks are as high as fits, and what is left, which has
/// higher ones if that is a single vector.
#[inline(always)]
fn blocks<T: Float, S: InstructionSet, const IS_PAIR: bool>(
    set: S,
    args: &GemmArgs<'_, T>,
    batch: Range<usize>,
) {
    const { assert!(MAX_BLOCK_ROWS.is_multiple_of(T::Vector::<S>::ROWS)) }
    let lanes = T::Vector::<S>::LANES;
    let n = if IS_PAIR { 2 * lanes } else { args.size.n };
    let rest = n % (2 * lanes);
    let is_narrow = !IS_PAIR && (1..=lanes).contains(&rest);
    if is_narrow && max_rows::<T::Vector<S>>(true) > T::Vector::<S>::ROWS {
        call_columns::<T, S, false, false>(set, args, &batch, 0..n - rest);
        call_columns::<T, S, false, true>(set, args, &batch, n - rest..n);
    } else {
        call_columns::<T, S, IS_PAIR, false>(set, args, &batch, 0..n);
    }
}

/// The blocks of some columns, as a function of its own for each order of `A`.
#[inline(always)]
fn call_columns<T: Float, S: InstructionSet, const IS_PAIR: bool, const IS_NARROW: bool>(
    set: S,
    args: &GemmArgs<'_, T>,
    batch: &Range<usize>,
    columns: Range<usize>,
) {
    if columns.is_empty() {
        return;
    }
    let batch = batch.clone();
    match args.layout {
        Layout::ColumnMajor => {
            set.call(Columns::<_, IS_PAIR, IS_NARROW, true> { args, batch, columns });
        }
        Layout::RowMajor => {
            set.call(Columns::<_, IS_PAIR, IS_NARROW, false> { args, batch, columns });
        }
    }
}

/// Cuts the columns of `C` from `first` to `end` into blocks.
///
/// If `A` is column-major, columns are the outer loop: a panel of `B` stays in the first-level cache while the
/// rows of `A` pass. If it is row-major, rows are: each is read once. For a pair a block is the vector of `C`
/// and that of the next matrix.
#[inline(always)]
fn columns<V: Vector, const IS_PAIR: bool, const IS_NARROW: bool, const COLUMN_MAJOR: bool>(
    set: V::Set,
    args: &GemmArgs<'_, V::Scalar>,
    first: usize,
    end: usize,
) {
    const { assert!(V::ROWS.is_multiple_of(3)) }
    let m = args.size.m;
    let (mut row, mut column) = (0, first);
    while row < m && column < end {
        let rest = end - column;
        let n_rows = part(m - row, max_rows::<V>(IS_NARROW));
        // Of a pair both vectors are whole, which the compiler must know.
        let n_vectors = if IS_PAIR || !IS_NARROW && rest > V::LANES { 2 } else { 1 };
        let last = if IS_PAIR { V::LANES } else { rest - (n_vectors - 1) * V::LANES };
        let last = last.min(V::LANES);
        let (b, c) = (args.b.wrapping_add(column), args.c.wrapping_add(row * args.ldc + column));
        let vector_strides = if IS_PAIR { args.batch_strides } else { [V::LANES; 2] };
        let block_args = GemmArgs { b, c, vector_strides, ..*args };
        // SAFETY: the block ends at the last row and column.
        unsafe {
            with_constant!(NV = n_vectors, max 2 - IS_NARROW as usize, 2 1
            => with_constant!(MR = n_rows, max max_rows::<V>(IS_NARROW), 12 11 10 9 8 7 6 5 4 3 2 1
                => block::<V, MR, NV, COLUMN_MAJOR>(set, &block_args, row, last)));
        }
        if COLUMN_MAJOR {
            row += n_rows;
            if row == m {
                (row, column) = (0, column + 2 * V::LANES);
            }
        } else {
            column += 2 * V::LANES;
            if column >= end {
                (row, column) = (row + n_rows, first);
            }
        }
    }
}

/// One `C` of a single row: as many vectors as there are registers, since two would wait for their sums.
#[inline(always)]
fn single_row<V: Vector>(set: V::Set, args: &GemmArgs<'_, V::Scalar>) {
    let n = args.size.n;
    let lda = if args.layout == Layout::ColumnMajor { args.lda } else { 1 };
    let mut column = 0;
    while column < n {
        let rest = n - column;
        let n_vectors = part(rest.div_ceil(V::LANES), V::ROWS + V::ROWS / 3);
        let last = (rest - (n_vectors - 1) * V::LANES).min(V::LANES);
        let (b, c) = (args.b.wrapping_add(column), args.c.wrapping_add(column));
        let args = GemmArgs { lda, b, c, vector_strides: [V::LANES; 2], ..*args };
        // SAFETY: the block ends at the last column.
        unsafe {
            with_constant!(NV = n_vectors, max V::ROWS + V::ROWS / 3,
                16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1
                => block::<V, 1, NV, true>(set, &args, 0, last));
        }
        column += n_vectors * V::LANES;
    }
}

/// One block: `MR` rows of `A` from `row` on by `NV` vectors of `B`, the last of which has `last` columns.
///
/// # Safety
///
/// The block lies inside `C`.
#[inline(always)]
unsafe fn block<V: Vector, const MR: usize, const NV: usize, const COLUMN_MAJOR: bool>(
    set: V::Set,
    args: &GemmArgs<'_, V::Scalar>,
    row: usize,
    last: usize,
) {
    // SAFETY: every pointer that is read or written stays inside its slice, as `GemmArgs` promises; the last vector
    // of a row has `last` columns.
    unsafe {
        let [b_stride, c_stride] = args.vector_strides;
        let mut sums = [[V::zero(set); NV]; MR];
        if args.accumulate {
            for (i, sums) in sums.iter_mut().enumerate() {
                *sums = load_row(set, args.c.add(i * args.ldc), c_stride, last);
            }
        }
        for &[a_start, b_start] in args.size.k_segments {
            let b = args.b.add(b_start);
            if COLUMN_MAJOR && MR == 1 {
                single_row_terms(set, args, (args.a.add(a_start + row), b), last, &mut sums[0]);
            } else if COLUMN_MAJOR {
                // `wrapping_add`: after the last step the pointers may leave their slices, unread.
                let (mut a, mut b) = (args.a.add(a_start + row), b);
                // The rows of the next block: no hardware prefetcher foresees them.
                let (mut ahead, ahead_stride) = match args.prefetch {
                    Some((from, stride)) => (from.wrapping_add(row + row / 3), stride),
                    None => (a.wrapping_add(2 * MR - 1), args.lda),
                };
                for _ in 0..args.size.segment_len {
                    let b_row: [V; NV] = load_row(set, b, b_stride, last);
                    for (i, sums) in sums.iter_mut().enumerate() {
                        multiply_add(V::splat(set, *a.add(i)), &b_row, sums);
                    }
                    if NV == 2 {
                        prefetch(ahead);
                        ahead = ahead.wrapping_add(ahead_stride);
                    }
                    a = a.wrapping_add(args.lda);
                    b = b.wrapping_add(args.ldb);
                }
            } else {
                let a = args.a.add(a_start + row * args.lda);
                let (a, b) = ((a, args.lda), (b, args.ldb, b_stride));
                row_major_terms(set, a, b, args.size.segment_len, last, &mut sums);
            }
        }
        if !args.bias.is_empty() {
            for (i, sums) in sums.iter_mut().enumerate() {
                let bias = V::splat(set, *args.bias.as_ptr().add(row + i));
                for sum in sums {
                    *sum = sum.add(bias);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let c = args.c.add(i * args.ldc);
            for (v, sum) in sums.iter().enumerate() {
                let count = if v + 1 == NV { last } else { V::LANES };
                sum.store(c.add(v * c_stride), count);
            }
        }
    }
}

/// Adds the products of `k` steps to the sums of a block, for a row-major `A`, whose rows are `lda` apart. Each row of `B`
/// has a vector every `b_stride`, and rows are `ldb` apart.
///
/// # Safety
///
/// So many steps can be read from `a` and `b` on: `MR` rows, and `NV` vectors with `last` columns in the last one.
#[inline(always)]
pub(super) unsafe fn row_major_terms<V: Vector, const MR: usize, const NV: usize>(
    set: V::Set,
    (a, lda): (*const V::Scalar, usize),
    (mut b, ldb, b_stride): (*const V::Scalar, usize, usize),
    k: usize,
    last: usize,
    sums: &mut [[V; NV]; MR],
) {
    // One pointer for three rows: scaled strides to the others cost no instruction. `wrapping_add`: after the last step the
    // pointers may leave their slices, unread.
    let mut rows = [a; MAX_BLOCK_ROWS / 3];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = a.wrapping_add(3 * i * lda);
    }
    for _ in 0..k {
        // SAFETY: the caller's promise.
        unsafe {
            let b_row: [V; NV] = load_row(set, b, b_stride, last);
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = rows[i / 3].wrapping_add(i % 3 * lda);
                multiply_add(V::splat(set, *a), &b_row, sums);
            }
        }
        for row in &mut rows {
            *row = opaque(row.wrapping_add(1));
        }
        b = b.wrapping_add(ldb);
    }
}

/// Adds the terms of one segment to the sums of a single row. It is bound by the loads of `B`, and skips zeros, as most
/// pixels of a digit are. They are found a vector at a time: no processor foresees a branch for each.
///
/// # Safety
///
/// As many steps as a segment has can be read from `a` and `b` on.
#[inline(always)]
unsafe fn single_row_terms<V: Vector, const NV: usize>(
    set: V::Set,
    args: &GemmArgs<'_, V::Scalar>,
    (a, b): (*const V::Scalar, *const V::Scalar),
    last: usize,
    sums: &mut [V; NV],
) {
    let GemmArgs { lda, ldb, vector_strides: [b_stride, _], .. } = *args;
    for first in (0..args.size.segment_len).step_by(V::LANES) {
        let count = (args.size.segment_len - first).min(V::LANES);
        let (a, b) = (a.wrapping_add(first * lda), b.wrapping_add(first * ldb));
        // SAFETY: `count` steps are left.
        unsafe {
            let is_nonzero = |step: usize| *a.add(step * lda) != V::Scalar::default();
            let mut nonzeros = match lda {
                1 => V::load(set, a, count).nonzeros(),
                _ => (0..count).fold(0, |bits, step| bits | u32::from(is_nonzero(step)) << step),
            };
            while nonzeros != 0 {
                let step = nonzeros.trailing_zeros() as usize;
                nonzeros &= nonzeros - 1;
                let b_row: [V; NV] = load_row(set, b.add(step * ldb), b_stride, last);
                multiply_add(V::splat(set, *a.add(step * lda)), &b_row, sums);
            }
        }
    }
}

/// The pointer itself, with its origin hidden from the compiler, which would otherwise compute all pointers
/// of a block from one, an addition each, on ports that multiply-adds need.
#[inline(always)]
pub(super) fn opaque<T>(pointer: *const T) -> *const T {
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

#[inline(always)]
pub(crate) fn multiply_add<V: Vector, const NV: usize>(
    factor: V,
    values: &[V; NV],
    sums: &mut [V; NV],
) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = factor.mul_add(*value, *sum);
    }
}

/// `NV` vectors, one every `stride`, with `last` elements in the last of them.
///
/// # Safety
///
/// So many elements can be read.
#[inline(always)]
pub(crate) unsafe fn load_row<V: Vector, const NV: usize>(
    set: V::Set,
    from: *const V::Scalar,
    stride: usize,
    last: usize,
) -> [V; NV] {
    let mut row = [V::zero(set); NV];
    for (v, vector) in row.iter_mut().enumerate() {
        let count = if v + 1 == NV { last } else { V::LANES };
        // SAFETY: the caller's promise.
        *vector = unsafe { V::load(set, from.add(v * stride), count) };
    }
    row
}
