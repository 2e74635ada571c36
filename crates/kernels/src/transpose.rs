//! Transposition.

use crate::Float;
use crate::bounds::{check, end};
use crate::isa::IsaToken;

/// Side of the blocks that are transposed at once: both sides of a block stay in a few cache lines.
const BLOCK: usize = 16;

/// Writes `from`, `rows` rows of `columns`, to `to` as `columns` rows of `rows`:
/// `to[c · to_stride + r] = from[r · from_stride + c]`.
///
/// # Panics
///
/// If an index leaves its slice.
pub fn transpose<T: Float>(
    (from, from_stride): (&[T], usize),
    [rows, columns]: [usize; 2],
    (to, to_stride): (&mut [T], usize),
) {
    transpose_on(IsaToken::current(), (from, from_stride), [rows, columns], (to, to_stride));
}

/// [`transpose`] on an instruction set.
fn transpose_on<T: Float>(
    token: IsaToken,
    (from, from_stride): (&[T], usize),
    [rows, columns]: [usize; 2],
    (to, to_stride): (&mut [T], usize),
) {
    if rows == 0 || columns == 0 {
        return;
    }
    check("from", end([(rows - 1, from_stride)], 0, columns), from.len());
    check("to", end([(columns - 1, to_stride)], 0, rows), to.len());
    if rows == 1 && to_stride == 1 {
        to[..columns].copy_from_slice(&from[..columns]);
        return;
    }
    for row in (0..rows).step_by(BLOCK) {
        for column in (0..columns).step_by(BLOCK) {
            let (height, width) = ((rows - row).min(BLOCK), (columns - column).min(BLOCK));
            let from = &from[row * from_stride + column..];
            let to = &mut to[column * to_stride + row..];
            let is_whole = height == BLOCK && width == BLOCK;
            match (token, is_whole, T::as_f32s(from), T::as_f32s_mut(to)) {
                // SAFETY: the checks above hold a whole block inside both slices, and the token proves that
                // the machine has the features.
                #[cfg(target_arch = "x86_64")]
                (IsaToken::Avx512(_), true, Some(from), Some(to)) => unsafe {
                    x86::block(from.as_ptr(), from_stride, to.as_mut_ptr(), to_stride);
                },
                _ => {
                    for r in 0..height {
                        let from = &from[r * from_stride..][..width];
                        for (to, &from) in to[r..].iter_mut().step_by(to_stride).zip(from) {
                            *to = from;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// # Safety
    ///
    /// 16 rows of 16 numbers, `from_stride` and `to_stride` apart, can be read and written.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    pub(super) unsafe fn block(
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut row = [_mm512_setzero_ps(); 16];
            for (i, row) in row.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(i * from_stride));
            }
            // Pairs of rows, then fours: element 4·l + j of each of four rows is in quarter l.
            let mut pairs = [_mm512_setzero_ps(); 16];
            for i in (0..16).step_by(2) {
                pairs[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
                pairs[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
            }
            let pair = |i: usize| _mm512_castps_pd(pairs[i]);
            let mut fours = [_mm512_setzero_ps(); 16];
            for (i, four) in fours.iter_mut().enumerate() {
                let (first, j) = (i / 4 * 4, i % 4);
                let (a, b) = (pair(first + j / 2), pair(first + j / 2 + 2));
                *four = _mm512_castpd_ps(match j % 2 {
                    0 => _mm512_unpacklo_pd(a, b),
                    _ => _mm512_unpackhi_pd(a, b),
                });
            }
            for j in 0..4 {
                let [a, b, c, d] = [fours[j], fours[j + 4], fours[j + 8], fours[j + 12]];
                // Even quarters of two fours, and odd ones.
                let even = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)];
                let odd = [_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(c, d)];
                let columns = [
                    _mm512_shuffle_f32x4::<0x88>(even[0], even[1]),
                    _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]),
                    _mm512_shuffle_f32x4::<0xDD>(even[0], even[1]),
                    _mm512_shuffle_f32x4::<0xDD>(odd[0], odd[1]),
                ];
                for (quarter, column) in columns.iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * quarter + j) * to_stride), *column);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_transposed() {
        let sizes = [(0, 3), (3, 0), (1, 1), (5, 7), (16, 16), (17, 33), (40, 10), (32, 50)];
        for (token, (rows, columns)) in
            IsaToken::available().flat_map(|token| sizes.map(|size| (token, size)))
        {
            let stride = columns + 2;
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let to_stride = if rows == 1 { 1 } else { rows + 1 };
            let mut to = vec![-1.0; to_stride * columns];
            transpose_on(token, (&from, stride), [rows, columns], (&mut to, to_stride));
            for r in 0..rows {
                for c in 0..columns {
                    assert_eq!(
                        to[c * to_stride + r],
                        from[r * stride + c],
                        "{token:?}: [{rows}, {columns}] at {r}, {c}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_index_outside_is_refused() {
        const MAX: usize = usize::MAX;
        for (from_stride, [rows, columns], to_stride) in [
            (3, [3, 3], 3),
            (3, [2, 4], 2),
            (4, [2, 3], 3),
            // With plain arithmetic these ends would wrap to small numbers.
            (MAX / 2 + 1, [3, 2], 3),
            (MAX, [2, 2], 2),
            (2, [2, 3], MAX / 2 + 1),
            (2, [2, 2], MAX),
        ] {
            let refused = std::panic::catch_unwind(|| {
                transpose((&[0.0f32; 6], from_stride), [rows, columns], (&mut [0.0; 7], to_stride));
            });
            assert!(refused.is_err(), "{rows} rows of {columns}, {from_stride} to {to_stride}");
        }
    }
}
