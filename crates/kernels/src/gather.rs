//! Scattered samples, brought side by side in the batch-innermost layout.

use crate::isa::IsaToken;
use crate::{Float, bounds};

/// Features written at a time: so many rows stay in the first-level cache while they are filled.
const BLOCK: usize = 64;

/// Divides bytes by one divisor and writes them feature by feature:
/// `to[f · width + i] = bytes[indices[i] · len + f] / divisor` for `f` below `len`, each quotient correctly
/// rounded.
///
/// The columns after the last sample repeat it.
///
/// # Panics
///
/// If there are no samples or more than `width`, or an index leaves its slice.
///
/// # Examples
///
/// ```
/// let bytes = [0, 51, 102, 153];
/// let mut to = [0.0f32; 6];
/// gradus_kernels::gather_bytes(&bytes, &[1, 0], 2, 255.0, 3, &mut to);
/// assert_eq!(to, [0.4, 0.0, 0.0, 0.6, 0.2, 0.2]);
/// ```
pub fn gather_bytes<T: Float>(
    bytes: &[u8],
    indices: &[u32],
    len: usize,
    divisor: T,
    width: usize,
    to: &mut [T],
) {
    gather_bytes_on(IsaToken::current(), bytes, indices, len, divisor, width, to);
}

/// [`gather_bytes`] on an instruction set.
fn gather_bytes_on<T: Float>(
    token: IsaToken,
    bytes: &[u8],
    indices: &[u32],
    len: usize,
    divisor: T,
    width: usize,
    to: &mut [T],
) {
    check(bytes, indices, len, width, to);
    let first = match (token, T::as_f32s_mut(to)) {
        #[cfg(target_arch = "x86_64")]
        (IsaToken::Avx512(set), Some(to)) => {
            // `f32` to `f64` and back is exact.
            x86::gather_bytes(set, bytes, indices, len, divisor.to_f64() as f32, width, to)
        }
        _ => 0,
    };
    if first < width {
        let quotients: [T; 256] = std::array::from_fn(|byte| T::from_f64(byte as f64) / divisor);
        let quotient = |byte| quotients[usize::from(byte)];
        one_by_one(bytes, indices, len, width, first, to, quotient);
    }
}

/// Panics if there are no samples or more than `width`, or an index leaves its slice.
fn check<V, T>(values: &[V], indices: &[u32], len: usize, width: usize, to: &[T]) {
    assert!((1..=width).contains(&indices.len()), "{} samples in {width} columns", indices.len());
    let last = indices.iter().fold(0, |last, &index| last.max(index)) as usize;
    bounds::check("samples", bounds::end([(last, len)], 0, len), values.len());
    bounds::check("result", len.checked_mul(width), to.len());
}

/// Writes numbers feature by feature: `to[f · width + i] = values[indices[i] · len + f]` for `f` below `len`.
///
/// The columns after the last sample repeat it.
///
/// # Panics
///
/// As [`gather_bytes`].
pub fn gather_values<T: Float>(
    values: &[f32],
    indices: &[u32],
    len: usize,
    width: usize,
    to: &mut [T],
) {
    gather_values_on(IsaToken::current(), values, indices, len, width, to);
}

/// [`gather_values`] on an instruction set.
fn gather_values_on<T: Float>(
    token: IsaToken,
    values: &[f32],
    indices: &[u32],
    len: usize,
    width: usize,
    to: &mut [T],
) {
    check(values, indices, len, width, to);
    let first = match (token, T::as_f32s_mut(to)) {
        #[cfg(target_arch = "x86_64")]
        (IsaToken::Avx512(set), Some(to)) => {
            x86::gather_values(set, values, indices, len, width, to)
        }
        _ => 0,
    };
    one_by_one(values, indices, len, width, first, to, T::from_f32);
}

/// The columns from `first` on, sample by sample.
fn one_by_one<V: Copy, T>(
    values: &[V],
    indices: &[u32],
    len: usize,
    width: usize,
    first: usize,
    to: &mut [T],
    convert: impl Fn(V) -> T,
) {
    for feature in (0..len).step_by(BLOCK) {
        let block = feature..(feature + BLOCK).min(len);
        for column in first..width {
            let start = indices[column.min(indices.len() - 1)] as usize * len;
            let sample = &values[start + block.start..start + block.end];
            let rows = to[block.start * width..block.end * width].chunks_exact_mut(width);
            for (row, &value) in rows.zip(sample) {
                row[column] = convert(value);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use crate::MAX_LANES as LANES;
    use crate::isa::Avx512;

    /// As many columns as fit whole vectors; how many that are. The caller has checked the bounds.
    pub(super) fn gather_bytes(
        _: Avx512,
        bytes: &[u8],
        indices: &[u32],
        len: usize,
        divisor: f32,
        width: usize,
        to: &mut [f32],
    ) -> usize {
        if i32::try_from(bytes.len()).is_err() || !is_exact(divisor) {
            return 0;
        }
        // SAFETY: the caller has checked the bounds, and the token proves that the machine has the features.
        in_sixteens(indices, len, width, |first, starts| unsafe {
            sixteen_bytes(bytes, starts, len, divisor, width, first, to);
        })
    }

    /// As [`gather_bytes`], of numbers that are not divided.
    pub(super) fn gather_values(
        _: Avx512,
        values: &[f32],
        indices: &[u32],
        len: usize,
        width: usize,
        to: &mut [f32],
    ) -> usize {
        if i32::try_from(values.len()).is_err() {
            return 0;
        }
        // SAFETY: as above.
        in_sixteens(indices, len, width, |first, starts| unsafe {
            sixteen_values(values, starts, len, width, first, to);
        })
    }

    /// Calls `gather` for every sixteen columns with the first of them and where their samples begin, which
    /// fits into `i32`; how many columns that were.
    fn in_sixteens(
        indices: &[u32],
        len: usize,
        width: usize,
        mut gather: impl FnMut(usize, [i32; LANES]),
    ) -> usize {
        let start = |column: usize| indices[column.min(indices.len() - 1)] as usize * len;
        let done = width - width % LANES;
        for first in (0..done).step_by(LANES) {
            gather(first, std::array::from_fn(|lane| start(first + lane) as i32));
        }
        done
    }

    /// Whether [`quotient`] is correctly rounded for every byte.
    fn is_exact(divisor: f32) -> bool {
        let reciprocal = 1.0 / divisor;
        (0..=255_u8).all(|byte| {
            let byte = f32::from(byte);
            let quotient = byte * reciprocal;
            let rest = (-quotient).mul_add(divisor, byte);
            rest.mul_add(reciprocal, quotient) == byte / divisor
        })
    }

    /// Sixteen samples, four features at a time: a gather brings four bytes of each.
    ///
    /// # Safety
    ///
    /// `starts[i] + len` bytes can be read, `to` has `len` rows of `width`, of which `first + LANES` are
    /// there, and the machine has AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    unsafe fn sixteen_bytes(
        bytes: &[u8],
        starts: [i32; LANES],
        len: usize,
        divisor: f32,
        width: usize,
        first: usize,
        to: &mut [f32],
    ) {
        // SAFETY: a gather at feature `f` reads bytes `f` to `f + 3` of each sample, and is made only where
        // the sample has them; rows are written where the caller promised space.
        unsafe {
            let starts = _mm512_loadu_si512(starts.as_ptr().cast());
            let (divisor, reciprocal) = (_mm512_set1_ps(divisor), _mm512_set1_ps(1.0 / divisor));
            let low_byte = _mm512_set1_epi32(0xFF);
            let mut to = to.as_mut_ptr().add(first);
            let mut feature = 0;
            while feature < len {
                let count = (len - feature).min(4);
                let words = if feature + 4 <= len {
                    _mm512_i32gather_epi32::<1>(starts, bytes.as_ptr().add(feature).cast())
                } else {
                    let mut words = [0_u32; LANES];
                    let mut offsets = [0_i32; LANES];
                    _mm512_storeu_si512(offsets.as_mut_ptr().cast(), starts);
                    for (word, offset) in words.iter_mut().zip(offsets) {
                        for i in 0..count {
                            let byte = *bytes.get_unchecked(offset as usize + feature + i);
                            *word |= u32::from(byte) << (8 * i);
                        }
                    }
                    _mm512_loadu_si512(words.as_ptr().cast())
                };
                let mut rest = words;
                for _ in 0..count {
                    let byte = _mm512_cvtepi32_ps(_mm512_and_si512(rest, low_byte));
                    _mm512_storeu_ps(to, quotient(byte, divisor, reciprocal));
                    rest = _mm512_srli_epi32::<8>(rest);
                    to = to.wrapping_add(width);
                }
                feature += count;
            }
        }
    }

    /// Sixteen samples, four features at a time, the last ones one by one.
    ///
    /// # Safety
    ///
    /// `starts[i] + len` numbers can be read, `to` has `len` rows of `width`, of which `first + LANES` are
    /// there, and the machine has AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    unsafe fn sixteen_values(
        values: &[f32],
        starts: [i32; LANES],
        len: usize,
        width: usize,
        first: usize,
        to: &mut [f32],
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let (mut from, mut to) = (values.as_ptr(), to.as_mut_ptr().add(first));
            for _ in 0..len / 4 {
                let four = |lane: usize| _mm_loadu_ps(from.wrapping_add(starts[lane] as usize));
                // Quarter `l` of row `i` is sample 4·l + i: transposed within the quarters, samples are in order.
                let mut row = [_mm512_setzero_ps(); 4];
                for (i, row) in row.iter_mut().enumerate() {
                    let two = _mm256_set_m128(four(i + 4), four(i));
                    let low = _mm512_castps256_ps512(two);
                    let high = _mm256_set_m128(four(i + 12), four(i + 8));
                    *row = _mm512_insertf32x8::<1>(low, high);
                }
                let pairs = [
                    _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1])),
                    _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1])),
                    _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3])),
                    _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3])),
                ];
                let features = [
                    _mm512_unpacklo_pd(pairs[0], pairs[2]),
                    _mm512_unpackhi_pd(pairs[0], pairs[2]),
                    _mm512_unpacklo_pd(pairs[1], pairs[3]),
                    _mm512_unpackhi_pd(pairs[1], pairs[3]),
                ];
                for feature in &features {
                    _mm512_storeu_ps(to, _mm512_castpd_ps(*feature));
                    to = to.wrapping_add(width);
                }
                from = from.wrapping_add(4);
            }
            let starts = _mm512_loadu_si512(starts.as_ptr().cast());
            for _ in 0..len % 4 {
                _mm512_storeu_ps(to, _mm512_i32gather_ps::<4>(starts, from));
                (from, to) = (from.wrapping_add(1), to.wrapping_add(width));
            }
        }
    }

    /// `byte / divisor`: the product with the reciprocal, corrected by the remainder.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    fn quotient(byte: __m512, divisor: __m512, reciprocal: __m512) -> __m512 {
        let quotient = _mm512_mul_ps(byte, reciprocal);
        let rest = _mm512_fnmadd_ps(quotient, divisor, byte);
        _mm512_fmadd_ps(rest, reciprocal, quotient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn agrees<T: Float>(divisor: f64) {
        let mut random = Stream::new(3, 0);
        let bytes: Vec<u8> = (0..2000).map(|_| random.next_u32() as u8).collect();
        for token in IsaToken::available() {
            for (len, width, samples) in
                [(784, 32, 25), (5, 16, 16), (4, 16, 1), (3, 48, 40), (7, 5, 5), (1, 17, 3)]
            {
                let indices: Vec<u32> =
                    (0..samples).map(|i| (i * 37) % (bytes.len() / len) as u32).collect();
                let mut to = vec![T::ZERO; len * width];
                gather_bytes_on(token, &bytes, &indices, len, T::from_f64(divisor), width, &mut to);
                for f in 0..len {
                    for column in 0..width {
                        let sample = indices[column.min(samples as usize - 1)] as usize;
                        let byte = bytes[sample * len + f];
                        let expected = T::from_f64(byte.into()) / T::from_f64(divisor);
                        let case = format!("{token:?}, {len}, {width}, {samples}");
                        assert_eq!(to[f * width + column], expected, "{case}: {f}, {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_is_divided_exactly_and_stands_in_its_column() {
        for divisor in [255.0, 256.0, 1.0, 3.7, 0.1, 1e-30, 1e38] {
            agrees::<f32>(divisor);
            agrees::<f64>(divisor);
        }
    }

    #[test]
    fn every_number_stands_in_its_column() {
        fn agrees<T: Float>(token: IsaToken) {
            let values: Vec<f32> = (0..4000).map(|i| i as f32 * 0.5).collect();
            for (len, width, samples) in
                [(4, 32, 25), (1, 16, 16), (70, 20, 17), (16, 7, 7), (130, 3, 1)]
            {
                let indices: Vec<u32> = (0..samples).map(|i| (i * 37) % (4000 / len)).collect();
                let len = len as usize;
                let mut to = vec![T::ZERO; len * width];
                gather_values_on(token, &values, &indices, len, width, &mut to);
                for (at, &found) in to.iter().enumerate() {
                    let sample = indices[(at % width).min(samples as usize - 1)] as usize;
                    let expected = T::from_f32(values[sample * len + at / width]);
                    assert_eq!(found, expected, "{token:?}, {len}: {at}");
                }
            }
        }
        for token in IsaToken::available() {
            agrees::<f32>(token);
            agrees::<f64>(token);
        }
    }

    #[test]
    fn samples_outside_are_refused() {
        for (indices, len, width) in [
            (vec![1], 3, 2),
            (vec![], 1, 2),
            (vec![0; 3], 1, 2),
            (vec![0], 4, 3),
            // With plain arithmetic these ends would wrap to small numbers.
            (vec![1], usize::MAX / 2 + 1, 2),
            (vec![3], usize::MAX / 4 + 1, 4),
            (vec![0], 2, usize::MAX / 2 + 1),
        ] {
            let refused = std::panic::catch_unwind(|| {
                gather_bytes(&[0; 4], &indices, len, 255.0, width, &mut [0.0f32; 8]);
            });
            assert!(refused.is_err(), "{indices:?}, {len}, {width}");
            let refused = std::panic::catch_unwind(|| {
                gather_values(&[0.0; 4], &indices, len, width, &mut [0.0f32; 8]);
            });
            assert!(refused.is_err(), "{indices:?}, {len}, {width}");
        }
    }
}
