//! Long products, cut into pieces that suit the caches.

use std::mem::MaybeUninit;

use super::{Adjacent, Extent, Job};
use crate::{Float, Isa, vectorize};

/// Steps of the inner index that are taken for the whole result before the next ones: two vectors of so
/// many steps of the right factor stay in the first-level cache while all rows of the left one pass, beside
/// those of a block and the next, or a copy of some rows.
const STEPS: usize = 128;
/// The same for a single row of the left factor and a wide right one.
const SINGLE_STEPS: usize = 32;
/// Rows of the left factor that are copied together: whole blocks and whole cache lines.
const GROUP: usize = 48;
/// Bytes between two steps of the left factor from which its rows are copied together first. Wider
/// strides, of powers of two above all, meet few sets of the first-level cache and a page each.
const FAR: usize = 2048;
/// Columns for which copying is worth it.
const WIDE: usize = 32;

/// Does a product piece by piece.
///
/// # Safety
///
/// The job's indices lie inside its slices, and the machine has `isa`.
pub(super) unsafe fn run<T: Float>(isa: Isa, job: &Job<'_, T>) {
    let Extent { rows, columns, runs, run_length, repeats } = job.extent;
    let &[[a, b]] = runs else {
        // SAFETY: the caller's promise.
        return unsafe { T::product(isa, job) };
    };
    let stride = if job.adjacent == Adjacent::Rows { job.left_stride } else { 0 };
    // A single row reads the right factor once, from its first step to its last; where that is wide, all of
    // some steps before the next ones, so that few pages are visited at a time.
    let is_single = rows == 1 && job.right_inner * size_of::<T>() >= FAR;
    if job.adjacent == Adjacent::Steps && !is_single {
        // Each row of the left factor is read once, from its first step to its last: as fast as it comes.
        // SAFETY: the caller's promise.
        return unsafe { T::product(isa, job) };
    }
    let is_far = stride * size_of::<T>() >= FAR && columns * repeats >= WIDE;
    let steps = if is_single { SINGLE_STEPS } else { STEPS };
    let n_pieces = run_length.div_ceil(steps).max(1);
    let mut first = 0;
    for piece in 0..n_pieces {
        let next = (piece + 1) * run_length / n_pieces;
        let left = match job.adjacent {
            Adjacent::Rows => first * job.left_stride,
            Adjacent::Steps => first,
        };
        let runs = [[a + left, b + first * job.right_inner]];
        let extent = Extent { runs: &runs, run_length: next - first, ..job.extent };
        let bias = if piece + 1 == n_pieces { job.bias } else { std::ptr::null() };
        let next_piece = job.left.wrapping_add(a + next * job.left_stride);
        let job = Job { extent, adds: job.adds || piece > 0, bias, ..*job };
        // SAFETY: the piece lies inside the job.
        unsafe { if is_far { gathered(isa, &job, next_piece) } else { T::product(isa, &job) } }
        first = next;
    }
}

/// Copies some rows of the left factor together and does their part, then the next ones.
///
/// # Safety
///
/// As [`run`]; and the job has one run of at most `STEPS`.
unsafe fn gathered<T: Float>(isa: Isa, job: &Job<'_, T>, next_piece: *const T) {
    let mut copy = Aligned([const { MaybeUninit::<T>::uninit() }; GROUP * STEPS]);
    let copy = copy.0.as_mut_ptr().cast::<T>();
    let Extent { rows, runs, run_length, .. } = job.extent;
    let [a, b] = runs[0];
    for first in (0..rows).step_by(GROUP) {
        let n_rows = GROUP.min(rows - first);
        vectorize(
            #[inline(always)]
            || {
                for k in 0..run_length {
                    let from = job.left.wrapping_add(a + first + k * job.left_stride);
                    // SAFETY: the rows lie inside the left factor, and the copy has room for `GROUP` rows
                    // of `STEPS`.
                    unsafe {
                        if n_rows == GROUP {
                            std::ptr::copy_nonoverlapping(from, copy.add(k * GROUP), GROUP);
                        } else {
                            std::ptr::copy_nonoverlapping(from, copy.add(k * n_rows), n_rows);
                        }
                    }
                }
            },
        );
        // SAFETY: the rows lie inside the copy and inside the result.
        unsafe {
            let job = Job {
                extent: Extent { rows: n_rows, runs: &[[0, b]], ..job.extent },
                left: copy,
                left_stride: n_rows,
                ahead: if first + GROUP < rows {
                    job.left.wrapping_add(a + first + GROUP)
                } else {
                    next_piece
                },
                ahead_stride: job.left_stride,
                result: job.result.add(first * job.result_row),
                bias: if job.bias.is_null() { job.bias } else { job.bias.add(first) },
                ..*job
            };
            T::product(isa, &job);
        }
    }
}

/// Begins at a cache line.
#[repr(align(64))]
struct Aligned<T>(T);
