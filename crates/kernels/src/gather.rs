//! Scattered samples, brought side by side in the batch-innermost layout.

use crate::{Float, Isa, bounds, inlined, vectorize};

/// Features written at a time: so many rows stay in the first-level cache while they are filled.
const BLOCK: usize = 64;

/// Samples to be brought side by side: `to[f · width + i] = values[indices[i] · len + f]` for `f` below `len`. The
/// columns after the last sample repeat it.
#[derive(Clone, Copy, Debug)]
pub struct GatheredSamples<'a, V> {
    /// All samples, one after the other.
    pub values: &'a [V],
    /// The numbers of the samples.
    pub indices: &'a [u32],
    /// Features of a sample.
    pub len: usize,
    /// Columns of the result.
    pub width: usize,
}

/// Writes bytes divided by one divisor feature by feature, each quotient correctly rounded.
///
/// # Panics
///
/// If there are no samples or more than columns, or an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::{GatheredSamples, gather_bytes};
///
/// let samples = GatheredSamples { values: &[0, 51, 102, 153], indices: &[1, 0], len: 2, width: 3 };
/// let mut to = [0.0f32; 6];
/// gather_bytes(samples, 255.0, &mut to);
/// assert_eq!(to, [0.4, 0.0, 0.0, 0.6, 0.2, 0.2]);
/// ```
#[inline(never)]
pub fn gather_bytes<T: Float>(samples: GatheredSamples<'_, u8>, divisor: T, to: &mut [T]) {
    samples.check(to);
    if samples.width == 1 {
        return samples.divide(|byte| T::from(f32::from(byte)) / divisor, to);
    }
    let first = match (Isa::current(), T::as_f32s_mut(to)) {
        // SAFETY: the bounds are checked, and the machine has the set in use. `f32` to `f64` and back is exact.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Some(to)) => unsafe {
            x86::gather_bytes::<16>(samples, divisor.to_f64() as f32, to)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Some(to)) => unsafe {
            x86::gather_bytes::<8>(samples, divisor.to_f64() as f32, to)
        },
        _ => 0,
    };
    if first < samples.width {
        let quotients: [T; 256] = std::array::from_fn(|byte| T::from_f64(byte as f64) / divisor);
        samples.one_by_one(first, to, |byte| quotients[usize::from(byte)]);
    }
}

/// Writes numbers divided by one divisor feature by feature, each quotient correctly rounded.
///
/// # Panics
///
/// As [`gather_bytes`].
#[inline(never)]
pub fn gather_values<T: Float>(samples: GatheredSamples<'_, f32>, divisor: T, to: &mut [T]) {
    samples.check(to);
    if samples.width == 1 {
        return samples.divide(|value| T::from(value) / divisor, to);
    }
    let first = match (Isa::current(), T::as_f32s_mut(to)) {
        // SAFETY: the bounds are checked, and the machine has the set in use. `f32` to `f64` and back is exact.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx512, Some(to)) => unsafe {
            x86::gather_values::<16>(samples, divisor.to_f64() as f32, to)
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Isa::Avx2, Some(to)) => unsafe {
            x86::gather_values::<8>(samples, divisor.to_f64() as f32, to)
        },
        _ => 0,
    };
    samples.one_by_one(first, to, |value| T::from(value) / divisor);
}

// Compiled here, where loops become vectors, and not as small code in the crates that call them.
#[used]
static BYTES_F32: fn(GatheredSamples<'_, u8>, f32, &mut [f32]) = gather_bytes;
#[used]
static BYTES_F64: fn(GatheredSamples<'_, u8>, f64, &mut [f64]) = gather_bytes;
#[used]
static VALUES_F32: fn(GatheredSamples<'_, f32>, f32, &mut [f32]) = gather_values;
#[used]
static VALUES_F64: fn(GatheredSamples<'_, f32>, f64, &mut [f64]) = gather_values;

impl<V: Copy> GatheredSamples<'_, V> {
    fn check<T>(&self, to: &[T]) {
        let Self { values, indices, len, width } = *self;
        let n_samples = indices.len();
        assert!((1..=width).contains(&n_samples), "{n_samples} samples in {width} columns");
        let last = indices.iter().fold(0, |last, &index| last.max(index)) as usize;
        bounds::check("samples", bounds::end([(last, len)], 0, len), values.len());
        bounds::check("result", len.checked_mul(width), to.len());
    }

    fn start(&self, column: usize) -> usize {
        self.indices[column.min(self.indices.len() - 1)] as usize * self.len
    }

    /// Writes the quotients of the features of the only sample.
    #[inline(always)]
    fn divide<T>(&self, quotient: impl Fn(V) -> T, to: &mut [T]) {
        let sample = &self.values[self.start(0)..][..self.len];
        vectorize(inlined!(|| {
            to.iter_mut().zip(sample).for_each(|(to, &value)| *to = quotient(value));
        }));
    }

    fn one_by_one<T>(&self, first: usize, to: &mut [T], convert: impl Fn(V) -> T) {
        for feature in (0..self.len).step_by(BLOCK) {
            let block = feature..(feature + BLOCK).min(self.len);
            for column in first..self.width {
                let sample = &self.values[self.start(column)..][block.clone()];
                let rows = to[block.start * self.width..].chunks_exact_mut(self.width);
                for (row, &value) in rows.zip(sample) {
                    row[column] = convert(value);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::GatheredSamples;
    use crate::transpose::x86::{transpose_halves, transpose_quarters};

    /// Bytes of a sample that are loaded at a time.
    const BYTES: usize = 8;

    /// As many columns as fit vectors of `LANES`, 8 or 16; how many that are.
    ///
    /// # Safety
    ///
    /// The bounds are checked, and the machine has AVX2, for 16 lanes AVX-512.
    pub(super) unsafe fn gather_bytes<const LANES: usize>(
        samples: GatheredSamples<'_, u8>,
        divisor: f32,
        to: &mut [f32],
    ) -> usize {
        // SAFETY: the caller's promise.
        if samples.len < BYTES || !unsafe { is_exact(divisor) } {
            return 0;
        }
        // SAFETY: the caller's promise.
        in_groups::<LANES, u8>(samples, |first, starts| unsafe {
            let to = to[first..].as_mut_ptr();
            match starts.as_slice().try_into() {
                Ok(sixteen) => sixteen_bytes(samples, sixteen, divisor, to),
                Err(_) => eight_bytes(samples, &starts, divisor, to),
            }
        })
    }

    /// As many columns as fit vectors of `LANES`, 8 or 16; how many that are.
    ///
    /// # Safety
    ///
    /// As [`gather_bytes`].
    pub(super) unsafe fn gather_values<const LANES: usize>(
        samples: GatheredSamples<'_, f32>,
        divisor: f32,
        to: &mut [f32],
    ) -> usize {
        // SAFETY: the caller's promise.
        in_groups::<LANES, f32>(samples, |first, starts| unsafe {
            let to = to[first..].as_mut_ptr();
            match (starts.as_slice().try_into(), divisor == 1.0) {
                (Ok(sixteen), true) => sixteen_values::<false>(samples, sixteen, divisor, to),
                (Ok(sixteen), false) => sixteen_values::<true>(samples, sixteen, divisor, to),
                (Err(_), true) => eight_values::<false>(samples, &starts, divisor, to),
                (Err(_), false) => eight_values::<true>(samples, &starts, divisor, to),
            }
        })
    }

    /// Calls `gather` with the first column of every group and where its samples start; how many columns that were.
    fn in_groups<const LANES: usize, V: Copy>(
        samples: GatheredSamples<'_, V>,
        mut gather: impl FnMut(usize, [usize; LANES]),
    ) -> usize {
        let done = samples.width - samples.width % LANES;
        for first in (0..done).step_by(LANES) {
            gather(first, std::array::from_fn(|lane| samples.start(first + lane)));
        }
        done
    }

    /// Whether the product of a byte with the reciprocal, corrected by the remainder, is the correctly rounded quotient, for
    /// every byte. All are tried, since each batch asks: a loop that may end early is not vectorised.
    #[target_feature(enable = "avx2,fma")]
    fn is_exact(divisor: f32) -> bool {
        let reciprocal = 1.0 / divisor;
        (0..=255_u8).fold(true, |is_exact, byte| {
            let byte = f32::from(byte);
            let quotient = byte * reciprocal;
            let rest = (-quotient).mul_add(divisor, byte);
            is_exact & (rest.mul_add(reciprocal, quotient) == byte / divisor)
        })
    }

    /// Eight bytes from `from` on of each of eight samples, two of them in each register: byte `2·i` of all samples, then
    /// byte `2·i + 1`.
    ///
    /// # Safety
    ///
    /// They can be read, and the machine has AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn transposed(from: *const u8, starts: &[usize]) -> [__m128i; 4] {
        // SAFETY: the caller's promise.
        let load = |i: usize| unsafe { _mm_loadl_epi64(from.add(starts[i]).cast()) };
        let pair = |i: usize| _mm_unpacklo_epi8(load(2 * i), load(2 * i + 1));
        let (low, high) = ([pair(0), pair(1)], [pair(2), pair(3)]);
        let fours = [
            _mm_unpacklo_epi16(low[0], low[1]),
            _mm_unpacklo_epi16(high[0], high[1]),
            _mm_unpackhi_epi16(low[0], low[1]),
            _mm_unpackhi_epi16(high[0], high[1]),
        ];
        [
            _mm_unpacklo_epi32(fours[0], fours[1]),
            _mm_unpackhi_epi32(fours[0], fours[1]),
            _mm_unpacklo_epi32(fours[2], fours[3]),
            _mm_unpackhi_epi32(fours[2], fours[3]),
        ]
    }

    /// Sixteen samples, eight features at a time, the last of which may be in part those before.
    ///
    /// # Safety
    ///
    /// The samples that begin at `starts` have all their bytes, eight or more, sixteen elements of each row can be written
    /// at `to`, and the machine has AVX-512.
    #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
    unsafe fn sixteen_bytes(
        samples: GatheredSamples<'_, u8>,
        starts: &[usize; 16],
        divisor: f32,
        to: *mut f32,
    ) {
        let (divisor, reciprocal) = (_mm512_set1_ps(divisor), _mm512_set1_ps(1.0 / divisor));
        for feature in (0..samples.len).step_by(BYTES) {
            let feature = feature.min(samples.len - BYTES);
            // SAFETY: eight bytes of each sample are read, rows are written as promised.
            unsafe {
                let from = samples.values.as_ptr().add(feature);
                let low = transposed(from, &starts[..8]);
                let high = transposed(from, &starts[8..]);
                let mut to = to.add(feature * samples.width);
                for (&low, &high) in low.iter().zip(&high) {
                    for bytes in [_mm_unpacklo_epi64(low, high), _mm_unpackhi_epi64(low, high)] {
                        let byte = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
                        let quotient = _mm512_mul_ps(byte, reciprocal);
                        let rest = _mm512_fnmadd_ps(quotient, divisor, byte);
                        _mm512_storeu_ps(to, _mm512_fmadd_ps(rest, reciprocal, quotient));
                        to = to.wrapping_add(samples.width);
                    }
                }
            }
        }
    }

    /// Eight samples, eight features at a time, the last of which may be in part those before.
    ///
    /// # Safety
    ///
    /// As [`sixteen_bytes`], for eight samples, and with AVX2.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn eight_bytes(
        samples: GatheredSamples<'_, u8>,
        starts: &[usize],
        divisor: f32,
        to: *mut f32,
    ) {
        let (divisor, reciprocal) = (_mm256_set1_ps(divisor), _mm256_set1_ps(1.0 / divisor));
        for feature in (0..samples.len).step_by(BYTES) {
            let feature = feature.min(samples.len - BYTES);
            // SAFETY: eight bytes of each sample are read, rows are written as promised.
            unsafe {
                let mut to = to.add(feature * samples.width);
                for two in transposed(samples.values.as_ptr().add(feature), starts) {
                    for bytes in [two, _mm_unpackhi_epi64(two, two)] {
                        let byte = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
                        let quotient = _mm256_mul_ps(byte, reciprocal);
                        let rest = _mm256_fnmadd_ps(quotient, divisor, byte);
                        _mm256_storeu_ps(to, _mm256_fmadd_ps(rest, reciprocal, quotient));
                        to = to.wrapping_add(samples.width);
                    }
                }
            }
        }
    }

    /// Sixteen samples, four features at a time, the last ones one by one.
    ///
    /// # Safety
    ///
    /// As [`sixteen_bytes`], for any number of features.
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    unsafe fn sixteen_values<const DIVIDES: bool>(
        samples: GatheredSamples<'_, f32>,
        starts: &[usize; 16],
        divisor: f32,
        mut to: *mut f32,
    ) {
        let mut from = samples.values.as_ptr();
        // SAFETY: the caller's promise.
        unsafe {
            for _ in 0..samples.len / 4 {
                let four = |lane: usize| _mm_loadu_ps(from.wrapping_add(starts[lane]));
                // Quarter `l` of row `i` is sample 4·l + i: transposed within the quarters, samples are in order.
                let row = |i| {
                    let low = _mm512_castps256_ps512(_mm256_set_m128(four(i + 4), four(i)));
                    _mm512_insertf32x8::<1>(low, _mm256_set_m128(four(i + 12), four(i + 8)))
                };
                for feature in transpose_quarters([row(0), row(1), row(2), row(3)]) {
                    let divisor = _mm512_set1_ps(divisor);
                    let quotient = if DIVIDES { _mm512_div_ps(feature, divisor) } else { feature };
                    _mm512_storeu_ps(to, quotient);
                    to = to.wrapping_add(samples.width);
                }
                from = from.wrapping_add(4);
            }
            one_by_one(samples, starts, divisor, (from, to));
        }
    }

    /// Eight samples, four features at a time, the last ones one by one.
    ///
    /// # Safety
    ///
    /// As [`eight_bytes`], for any number of features.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn eight_values<const DIVIDES: bool>(
        samples: GatheredSamples<'_, f32>,
        starts: &[usize],
        divisor: f32,
        mut to: *mut f32,
    ) {
        let mut from = samples.values.as_ptr();
        // SAFETY: the caller's promise.
        unsafe {
            for _ in 0..samples.len / 4 {
                let four = |lane: usize| _mm_loadu_ps(from.wrapping_add(starts[lane]));
                let row = |i| _mm256_set_m128(four(i + 4), four(i));
                for feature in transpose_halves([row(0), row(1), row(2), row(3)]) {
                    let divisor = _mm256_set1_ps(divisor);
                    let quotient = if DIVIDES { _mm256_div_ps(feature, divisor) } else { feature };
                    _mm256_storeu_ps(to, quotient);
                    to = to.wrapping_add(samples.width);
                }
                from = from.wrapping_add(4);
            }
            one_by_one(samples, starts, divisor, (from, to));
        }
    }

    /// The last features, which are fewer than four.
    ///
    /// # Safety
    ///
    /// As [`eight_values`], from the first of these features on.
    #[inline(always)]
    unsafe fn one_by_one(
        samples: GatheredSamples<'_, f32>,
        starts: &[usize],
        divisor: f32,
        (from, to): (*const f32, *mut f32),
    ) {
        for feature in 0..samples.len % 4 {
            for (lane, &start) in starts.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe {
                    let to = to.add(feature * samples.width + lane);
                    *to = *from.add(start + feature) / divisor;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::testing::{LENGTHS, is_refused, on_each_isa};

    /// Each element of the result is that of its sample, converted.
    fn agrees<V: Copy, T: Float>(
        values: &[V],
        sizes: &[(usize, usize, u32)],
        gather: impl Fn(GatheredSamples<'_, V>, &mut [T]),
        convert: impl Fn(V) -> T,
    ) {
        let features = LENGTHS.skip(1).map(|len| (len, 19, 18));
        let columns = LENGTHS.skip(1).map(|width| (9, width, width.div_ceil(2) as u32));
        let sizes: Vec<_> = sizes.iter().copied().chain(features).chain(columns).collect();
        on_each_isa(|isa| {
            for &(len, width, samples) in &sizes {
                let indices: Vec<u32> =
                    (0..samples).map(|i| (i * 37) % (values.len() / len) as u32).collect();
                let mut to = vec![T::ZERO; len * width];
                gather(GatheredSamples { values, indices: &indices, len, width }, &mut to);
                for (at, &found) in to.iter().enumerate() {
                    let sample = indices[(at % width).min(indices.len() - 1)] as usize;
                    let expected = convert(values[sample * len + at / width]);
                    assert_eq!(found, expected, "{isa:?}, {len}, {width}, {samples}: {at}");
                }
            }
        });
    }

    #[test]
    fn every_byte_is_divided_exactly_and_stands_in_its_column() {
        fn divides<T: Float>(divisor: T) {
            let mut random = Stream::new(3, 0);
            let bytes: Vec<u8> = (0..2000).map(|_| random.next_u32() as u8).collect();
            let sizes = [
                (784, 56, 50),
                (8, 16, 16),
                (9, 8, 1),
                (15, 40, 40),
                (4, 16, 1),
                (7, 5, 5),
                (1, 17, 3),
            ];
            let gather = |samples: GatheredSamples<'_, u8>, to: &mut [T]| {
                gather_bytes(samples, divisor, to);
            };
            agrees(&bytes, &sizes, gather, |byte| T::from_f64(byte.into()) / divisor);
        }
        for divisor in [255.0, 256.0, 1.0, 3.7, 0.1, 1e-30, 1e38] {
            divides(divisor as f32);
            divides(divisor);
        }
    }

    #[test]
    fn every_number_is_divided_exactly_and_stands_in_its_column() {
        fn divides<T: Float>(divisor: T) {
            let mut values: Vec<f32> = (0..4000).map(|i| i as f32 * 0.7 - 99.0).collect();
            values[..4].copy_from_slice(&[f32::INFINITY, 1e-42, -0.0, f32::MAX]);
            // Pixels, and what is none of them beside some.
            (2000..3000).for_each(|i| values[i] = ((i * 37) % 256) as f32);
            values[2500..2504].copy_from_slice(&[256.0, -1.0, 0.5, -0.0]);
            let sizes = [
                (4, 32, 25),
                (1, 16, 16),
                (6, 8, 8),
                (70, 20, 17),
                (16, 7, 7),
                (130, 3, 1),
                (99, 1, 1),
            ];
            let gather = |samples: GatheredSamples<'_, f32>, to: &mut [T]| {
                gather_values(samples, divisor, to);
            };
            agrees(&values, &sizes, gather, |value| T::from(value) / divisor);
        }
        for divisor in [1.0, 255.0, 3.7, -2.0, 1e-30] {
            divides(divisor as f32);
            divides(divisor);
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
            let bytes = GatheredSamples { values: &[0; 4], indices: &indices, len, width };
            assert!(is_refused(|| gather_bytes(bytes, 255.0, &mut [0.0f32; 8])), "{bytes:?}");
            let numbers = GatheredSamples { values: &[0.0; 4], indices: &indices, len, width };
            assert!(is_refused(|| gather_values(numbers, 1.0, &mut [0.0f32; 8])), "{numbers:?}");
        }
    }
}
