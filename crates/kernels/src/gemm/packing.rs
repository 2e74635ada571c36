//! Blocking of `k` for the caches, and packing of `A`.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::microkernel::MAX_BLOCK_ROWS;
use super::operands::{GemmArgs, GemmSize, Layout};
use crate::simd::dispatch;
use crate::{Float, MAX_LANES, inlined, vectorize};

/// Steps of `k` that are taken for the whole of `C` before the next ones: a panel of `B` two vectors wide and so
/// many steps long stays in the first-level cache while all rows of `A` pass.
pub(super) const BLOCK_K: usize = 128;
/// The same for a single row of `A` and a wide `B`.
const SINGLE_ROW_BLOCK_K: usize = 32;
/// Rows of `A` that are packed together: whole blocks and whole cache lines.
const PACKED_ROWS: usize = 48;
const _: () =
    assert!(PACKED_ROWS.is_multiple_of(MAX_BLOCK_ROWS) && PACKED_ROWS.is_multiple_of(MAX_LANES));
/// Bytes between two columns of `A` from which its rows are packed first. Wider strides, of powers of two
/// above all, meet few sets of the first-level cache and a page each.
pub(super) const FAR: usize = 2048;
/// Columns of `C`, of the whole batch, for which packing is worth it.
const WIDE: usize = 32;

pub(super) fn run<T: Float>(args: &GemmArgs<'_, T>) {
    let GemmSize { m, n, k_segments, segment_len, batch_count } = args.size;
    let is_row_major = args.layout == Layout::RowMajor;
    // A single row reads `B` once: where that is wide, some steps at a time, to visit few pages.
    let is_single = m == 1 && args.ldb * size_of::<T>() >= FAR;
    let &[[a, b]] = k_segments else { return dispatch(args) };
    if is_row_major && !is_single {
        // Each row of `A` is read once, from its first step to its last: as fast as it comes.
        return dispatch(args);
    }
    let packs = !is_row_major && args.lda * size_of::<T>() >= FAR && n * batch_count >= WIDE;
    let block_k = if is_single { SINGLE_ROW_BLOCK_K } else { BLOCK_K };
    let k_stride = if is_row_major { 1 } else { args.lda };
    for steps in blocks(segment_len, block_k) {
        let k_segments = [[a + steps.start * k_stride, b + steps.start * args.ldb]];
        let size = GemmSize { k_segments: &k_segments, segment_len: steps.len(), ..args.size };
        let bias = if steps.end == segment_len { args.bias } else { &[] };
        let next_block = args.a.wrapping_add(a + steps.end * args.lda);
        let accumulate = args.accumulate || steps.start > 0;
        let args = GemmArgs { size, accumulate, bias, ..*args };
        if packs {
            // SAFETY: `packs` is for column-major `A` only, and a block has at most `BLOCK_K` steps.
            unsafe { packed(&args, next_block) }
        } else {
            dispatch(&args);
        }
    }
}

/// Equal shares of `k` steps, none of more than `most`.
pub(super) fn blocks(k: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let n = k.div_ceil(most).max(1);
    (0..n).map(move |i| i * k / n..(i + 1) * k / n)
}

/// Packs some rows of `A` and multiplies them, then the next ones.
///
/// # Safety
///
/// `A` is column-major, and there is one segment, of at most [`BLOCK_K`].
unsafe fn packed<T: Float>(args: &GemmArgs<'_, T>, next_block: *const T) {
    let mut copy = Aligned([const { MaybeUninit::<T>::uninit() }; PACKED_ROWS * BLOCK_K]);
    let copy = copy.0.as_mut_ptr().cast::<T>();
    let GemmSize { m, k_segments, segment_len, .. } = args.size;
    let [a, b] = k_segments[0];
    for first in (0..m).step_by(PACKED_ROWS) {
        let n_rows = PACKED_ROWS.min(m - first);
        vectorize(inlined!(|| {
            for k in 0..segment_len {
                let from = args.a.wrapping_add(a + first + k * args.lda);
                // SAFETY: the rows lie inside `A`, as `GemmArgs` promises, and the copy has space for them.
                unsafe {
                    if n_rows == PACKED_ROWS {
                        let to = copy.add(k * PACKED_ROWS);
                        std::ptr::copy_nonoverlapping(from, to, PACKED_ROWS);
                    } else {
                        std::ptr::copy_nonoverlapping(from, copy.add(k * n_rows), n_rows);
                    }
                }
            }
        }));
        let next_rows = first + PACKED_ROWS;
        let ahead = if next_rows < m { args.a.wrapping_add(a + next_rows) } else { next_block };
        // The rows lie inside the copy and inside `C`.
        dispatch(&GemmArgs {
            size: GemmSize { m: n_rows, k_segments: &[[0, b]], ..args.size },
            a: copy,
            lda: n_rows,
            prefetch: Some((ahead, args.lda)),
            c: args.c.wrapping_add(first * args.ldc),
            bias: args.bias.get(first..).unwrap_or(&[]),
            ..*args
        });
    }
}

#[repr(align(64))]
struct Aligned<T>(T);
