//! Random numbers from a key and a counter.
//!
//! [`philox`] is a pure function: what sample 17 draws in step 400 depends neither on the thread, nor on the
//! order, nor on whether the run was resumed. [`Stream`] reads such numbers one after the other.
//!
//! Source: Salmon, Moraes, Dror, Shaw (SC 2011), "Parallel random numbers: as easy as 1, 2, 3";
//! the known answers in the tests are those of the authors' Random123 library.

use crate::{inlined, vectorize};

/// Philox4x32-10: four random words from a 128-bit counter and a 64-bit key.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: u64) -> [u32; 4] {
    const ROUNDS: u32 = 10;
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let [mut a, mut b, mut c, mut d] = counter;
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    for _ in 0..ROUNDS {
        let p0 = MULTIPLIERS[0] * u64::from(a);
        let p1 = MULTIPLIERS[1] * u64::from(c);
        (a, b, c, d) =
            ((p1 >> 32) as u32 ^ b ^ k0, p1 as u32, (p0 >> 32) as u32 ^ d ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// A random word as a number in `[0, 1)`, a multiple of `2⁻²⁴` (exact in `f32`).
#[inline(always)]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// One of `bound` numbers from 0, by 64 random bits.
///
/// The bias is below `bound / 2⁶⁴`: nothing that an experiment could see. 0 for a bound of 0.
#[inline]
pub fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// Puts items in a random order, each equally likely, if `below(bound)` is one of `bound` numbers from 0 with equal
/// probability: Fisher and Yates.
///
/// ```
/// use gradus_kernels::random::{Stream, shuffle};
///
/// let (mut items, mut random) = ([1, 2, 3, 4], Stream::new(7, 0));
/// shuffle(&mut items, |bound| random.below(bound));
/// items.sort_unstable();
/// assert_eq!(items, [1, 2, 3, 4]);
/// ```
#[inline]
pub fn shuffle<T>(items: &mut [T], mut below: impl FnMut(u64) -> u64) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i as u64 + 1) as usize);
    }
}

/// A sequence of random numbers, fixed by a seed and the number of the stream.
#[derive(Clone, Debug)]
pub struct Stream {
    seed: u64,
    stream: u64,
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The sequence number `stream` of `seed`, at its beginning.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self::at(seed, stream, 0)
    }

    /// The sequence number `stream` of `seed`, four words a block, from a block on: for draws whose key is longer than
    /// the number of a stream.
    pub fn at(seed: u64, stream: u64, block: u64) -> Self {
        Self { seed, stream, block, words: [0; 4], used: 4 }
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox(counter(self.stream, self.block), self.seed);
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }

    /// Uniform in `[0, 1)`, a multiple of `2⁻⁵³`.
    pub fn uniform(&mut self) -> f64 {
        let high = self.next_u32();
        uniform(high, self.next_u32())
    }

    /// Normal with mean 0 and standard deviation 1, by Box and Muller's polar-free form.
    pub fn normal(&mut self) -> f64 {
        normal([(); 4].map(|()| self.next_u32()))
    }

    /// What as many calls of [`normal`](Self::normal) as there are values would give, by vector code.
    pub fn fill_normal(&mut self, values: &mut [f64]) {
        if self.used < 4 {
            // Each number would straddle two blocks.
            return values.fill_with(|| self.normal());
        }
        let (seed, stream, first) = (self.seed, self.stream, self.block);
        vectorize(inlined!(|| {
            for (b, value) in (first..).zip(&mut *values) {
                *value = normal(philox(counter(stream, b), seed));
            }
        }));
        self.block += values.len() as u64;
    }

    /// One of `bound` numbers from 0; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(self.next_u64(), bound)
    }
}

#[inline(always)]
fn counter(stream: u64, block: u64) -> [u32; 4] {
    [block as u32, (block >> 32) as u32, stream as u32, (stream >> 32) as u32]
}

#[inline(always)]
fn uniform(high: u32, low: u32) -> f64 {
    let bits = u64::from(high) << 32 | u64::from(low);
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[inline(always)]
fn normal([a, b, c, d]: [u32; 4]) -> f64 {
    // 1 − uniform is in (0, 1], so the logarithm is finite.
    let radius = (-2.0 * ln(1.0 - uniform(a, b))).sqrt();
    radius * cos_tau(uniform(c, d))
}

/// The natural logarithm of a normal number above 0, to 4e-16 of the result, without branches.
///
/// `x = 2ᵉ·m` with `m` from `√½` to `√2`; with `s = (m − 1)/(m + 1)`, `ln m = 2·(s + s³/3 + s⁵/5 + …)`.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const SQRT_HALF: i64 = std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64;
    let bits = x.to_bits() as i64;
    let exponent = (bits - SQRT_HALF) >> 52;
    let m = f64::from_bits((bits - (exponent << 52)) as u64);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    // Terms until the next is below 2⁻⁵⁴ of the sum.
    const RECIPROCALS: [f64; 10] = [
        1.0 / 3.0,
        1.0 / 5.0,
        1.0 / 7.0,
        1.0 / 9.0,
        1.0 / 11.0,
        1.0 / 13.0,
        1.0 / 15.0,
        1.0 / 17.0,
        1.0 / 19.0,
        1.0 / 21.0,
    ];
    let series = polynomial(z, RECIPROCALS);
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * (s + s * z * series)
}

/// `c₀ + c₁·x + c₂·x² + …`.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for c in coefficients[..N - 1].iter().rev() {
        sum = sum * x + c;
    }
    sum
}

/// One over each second factorial, from that of 0 or 1 on.
const fn inverse_factorials(first: u64) -> [f64; 9] {
    let mut values = [1.0; 9];
    let (mut i, mut factorial) = (1, 1);
    while i < values.len() {
        let n = 2 * i as u64 + first;
        factorial *= (n - 1) * n;
        values[i] = 1.0 / factorial as f64;
        i += 1;
    }
    values
}

/// The cosine of `2π·x`, for 0 to 1, to 1e-15; without branches.
///
/// The nearest multiple of `½π` is subtracted; the rest goes into Taylor's series of the cosine or the sine.
#[inline(always)]
fn cos_tau(x: f64) -> f64 {
    /// Adding and subtracting `1.5 · 2⁵²` rounds to the nearest integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = 4.0 * x + ROUND;
    let quarter = shifted.to_bits() & 3;
    let angle = std::f64::consts::TAU * (x - 0.25 * (shifted - ROUND));
    let square = angle * angle;
    // 1/0! − x²/2! + x⁴/4! − …, and the sine as x·(1/1! − x²/3! + x⁴/5! − …).
    let cos = polynomial(-square, const { inverse_factorials(0) });
    let sin = polynomial(-square, const { inverse_factorials(1) });
    let value = if quarter & 1 == 0 { cos } else { angle * sin };
    // The second and third quarter: cos(x + ½π) = −sin x, cos(x + π) = −cos x.
    if quarter == 1 || quarter == 2 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers() {
        let cases = [
            ([0; 4], 0, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([u32::MAX; 4], u64::MAX, [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                0x299f31d0_a4093822,
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, want) in cases {
            assert_eq!(philox(counter, key), want, "counter {counter:x?}");
        }
    }

    #[test]
    fn normal_has_mean_zero_and_deviation_one() {
        let mut stream = Stream::new(3, 1);
        let draws: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5;
        let within_two = draws.iter().filter(|v| v.abs() < 2.0).count() as f64 / 1e5;
        assert!(mean.abs() < 0.01, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
        assert!((within_two - 0.9545).abs() < 0.003, "within two deviations {within_two}");
    }

    #[test]
    fn many_normals_are_those_drawn_one_by_one() {
        for (skipped, count) in [(0, 0), (0, 1), (0, 1003), (1, 5)] {
            let (mut one, mut many) = (Stream::new(8, 2), Stream::new(8, 2));
            for stream in [&mut one, &mut many] {
                (0..skipped).for_each(|_| _ = stream.next_u32());
            }
            let mut values = vec![0.0; count];
            many.fill_normal(&mut values);
            assert_eq!(values, (0..count).map(|_| one.normal()).collect::<Vec<_>>());
            assert_eq!(many.next_u64(), one.next_u64(), "{count} after {skipped} words");
        }
    }

    #[test]
    fn logarithm_and_cosine_are_those_of_libm() {
        let mut stream = Stream::new(1, 1);
        let ends = [2f64.powi(-53), 0.25, 0.5, 0.75, 1.0 - 2f64.powi(-53), 1.0];
        for x in ends.into_iter().chain((0..100_000).map(|_| 1.0 - stream.uniform())) {
            let (found, want) = (ln(x), libm::log(x));
            assert!((found - want).abs() <= 4e-16 * want.abs(), "ln({x}): {found}, not {want}");
            let (found, want) = (cos_tau(x), libm::cos(std::f64::consts::TAU * x));
            // libm's own angle is rounded to 4.5e-16, and so is the factor 2π.
            assert!((found - want).abs() <= 1e-15, "cosine of 2π · {x}: {found}, not {want}");
        }
    }

    #[test]
    fn below_reaches_every_number_and_never_the_bound() {
        let mut stream = Stream::new(9, 0);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|&c: &i32| (c - 10_000).abs() < 500), "{counts:?}");
        assert_eq!((below(u64::MAX, 10), below(u64::MAX, 1), below(5, 0)), (9, 0, 0));
    }

    #[test]
    fn streams_of_one_seed_differ_and_repeat_and_units_stay_below_one() {
        let draw = |seed, stream| Stream::new(seed, stream).next_u64();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
        let mut stream = Stream::new(1, 2);
        (0..8).for_each(|_| _ = stream.next_u32());
        assert_eq!(Stream::at(1, 2, 2).next_u64(), stream.next_u64());
        assert_eq!((unit(0), unit(u32::MAX)), (0.0, 1.0 - 2f32.powi(-24)));
    }
}
