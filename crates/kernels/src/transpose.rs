//! Transposition.

use crate::bounds::{check, end};
use crate::{Float, Isa};

/// Side of the blocks that are transposed at once: both sides of a block stay in a few cache lines.
fn block_side(isa: Isa) -> usize {
    if isa == Isa::Avx2 { 8 } else { 16 }
}

/// Length of the strips of a matrix that is too narrow for blocks.
const STRIP_LEN: usize = 128;

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
    if rows == 0 || columns == 0 {
        return;
    }
    check("from", end([(rows - 1, from_stride)], 0, columns), from.len());
    check("to", end([(columns - 1, to_stride)], 0, rows), to.len());
    if rows == 1 && to_stride == 1 {
        to[..columns].copy_from_slice(&from[..columns]);
        return;
    }
    let isa = Isa::current();
    let side = block_side(isa);
    let side = if rows.min(columns) < side { STRIP_LEN } else { side };
    for row in (0..rows).step_by(side) {
        for column in (0..columns).step_by(side) {
            let (height, width) = ((rows - row).min(side), (columns - column).min(side));
            let from = &from[row * from_stride + column..];
            let to = &mut to[column * to_stride + row..];
            match (isa, height, width) {
                // SAFETY: the checks above hold a whole block inside both slices, elements of 32 bits are moved
                // as they are, and the machine has the set in use.
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx512, 16, 16) if size_of::<T>() == 4 => unsafe {
                    let (from, to) = (from.as_ptr().cast(), to.as_mut_ptr().cast());
                    x86::block(from, from_stride, to, to_stride);
                },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2, 8, 8) if size_of::<T>() == 4 => unsafe {
                    let (from, to) = (from.as_ptr().cast(), to.as_mut_ptr().cast());
                    x86::block_of_eight(from, from_stride, to, to_stride);
                },
                // SAFETY: the checks above hold the whole block inside both slices.
                _ => unsafe {
                    plain_block(
                        from.as_ptr(),
                        from_stride,
                        [height, width],
                        to.as_mut_ptr(),
                        to_stride,
                    )
                },
            }
        }
    }
}

/// Transposes a block of any size, element by element, the longer side in the inner loop.
///
/// # Safety
///
/// It can be read with rows `from_stride` apart and written with rows `to_stride` apart.
#[inline(never)]
unsafe fn plain_block<T: Float>(
    from: *const T,
    from_stride: usize,
    [height, width]: [usize; 2],
    to: *mut T,
    to_stride: usize,
) {
    // SAFETY: the caller's promise.
    let copy = |r: usize, c: usize| unsafe {
        *to.add(c * to_stride + r) = *from.add(r * from_stride + c);
    };
    if height < width {
        (0..height).for_each(|r| (0..width).for_each(|c| copy(r, c)));
    } else {
        (0..width).for_each(|c| (0..height).for_each(|r| copy(r, c)));
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    /// Transposes 16 rows of 16 numbers.
    ///
    /// # Safety
    ///
    /// They can be read `from_stride` apart and written `to_stride` apart, and the machine has AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    pub(super) unsafe fn block(
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut fours = [_mm512_setzero_ps(); 16];
            for (i, values) in fours.iter_mut().enumerate() {
                *values = _mm512_loadu_ps(from.add(i * from_stride));
            }
            for i in (0..16).step_by(4) {
                let four = [fours[i], fours[i + 1], fours[i + 2], fours[i + 3]];
                [fours[i], fours[i + 1], fours[i + 2], fours[i + 3]] = transpose_quarters(four);
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

    /// Transposes 8 rows of 8 numbers.
    ///
    /// # Safety
    ///
    /// They can be read `from_stride` apart and written `to_stride` apart, and the machine has AVX2.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn block_of_eight(
        from: *const f32,
        from_stride: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            for half in [0, 4] {
                // Rows i and i + 4, four columns of each.
                let row = |i: usize| {
                    let at = |i: usize| _mm_loadu_ps(from.add(i * from_stride + half));
                    _mm256_set_m128(at(i + 4), at(i))
                };
                let columns = transpose_halves([row(0), row(1), row(2), row(3)]);
                for (column, values) in columns.iter().enumerate() {
                    _mm256_storeu_ps(to.add((half + column) * to_stride), *values);
                }
            }
        }
    }

    /// Transposes each half of four rows: element `4·l + j` of row `i` becomes element `4·l + i` of row `j`.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(crate) fn transpose_halves(row: [__m256; 4]) -> [__m256; 4] {
        let low = _mm256_castps_pd(_mm256_unpacklo_ps(row[0], row[1]));
        let high = _mm256_castps_pd(_mm256_unpackhi_ps(row[0], row[1]));
        let next_low = _mm256_castps_pd(_mm256_unpacklo_ps(row[2], row[3]));
        let next_high = _mm256_castps_pd(_mm256_unpackhi_ps(row[2], row[3]));
        [
            _mm256_castpd_ps(_mm256_unpacklo_pd(low, next_low)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(low, next_low)),
            _mm256_castpd_ps(_mm256_unpacklo_pd(high, next_high)),
            _mm256_castpd_ps(_mm256_unpackhi_pd(high, next_high)),
        ]
    }

    /// Transposes each quarter of four rows: element `4·l + j` of row `i` becomes element `4·l + i` of row `j`.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    pub(crate) fn transpose_quarters(row: [__m512; 4]) -> [__m512; 4] {
        let low = _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1]));
        let high = _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1]));
        let next_low = _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3]));
        let next_high = _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3]));
        [
            _mm512_castpd_ps(_mm512_unpacklo_pd(low, next_low)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(low, next_low)),
            _mm512_castpd_ps(_mm512_unpacklo_pd(high, next_high)),
            _mm512_castpd_ps(_mm512_unpackhi_pd(high, next_high)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LENGTHS, is_refused, on_each_isa};

    #[test]
    fn every_element_is_transposed() {
        let sizes = [(0, 3), (3, 0), (1, 1), (5, 7), (16, 16), (17, 33), (40, 10), (32, 50)];
        let strips = [(3, 300), (300, 3)];
        on_each_isa(|isa| {
            let narrow = LENGTHS.flat_map(|len| [(len, 5), (5, len), (len, 1), (1, len)]);
            for (rows, columns) in sizes.into_iter().chain(strips).chain(narrow) {
                let stride = columns + 2;
                let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
                let to_stride = if rows == 1 { 1 } else { rows + 1 };
                let mut to = vec![-1.0; to_stride * columns];
                transpose((&from, stride), [rows, columns], (&mut to, to_stride));
                for r in 0..rows {
                    for c in 0..columns {
                        let (found, expected) = (to[c * to_stride + r], from[r * stride + c]);
                        assert_eq!(found, expected, "{isa:?}: [{rows}, {columns}] at {r}, {c}");
                    }
                }
            }
        });
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
            let refused = is_refused(|| {
                transpose((&[0.0f32; 6], from_stride), [rows, columns], (&mut [0.0; 7], to_stride));
            });
            assert!(refused, "{rows} rows of {columns}, {from_stride} to {to_stride}");
        }
    }
}
