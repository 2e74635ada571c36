//! `exp`, `ln`, `tanh`, the normal distribution and the square root for `f32`, without branches, so that a loop over
//! them becomes vector code inside [`vectorize`](crate::vectorize).
//!
//! Only additions, multiplications and one division, never a fused multiply-add: the results are the same on
//! every instruction set. The errors are the largest found against `libm` in `f64`, in units in the last place.
//!
//! | function | largest error |
//! |----------|---------------|
//! | `exp`    | 1.5 ULP; below -87.33 (where results would be subnormal) it is 0 |
//! | `exp_m1` | 2.5 ULP       |
//! | `ln`     | 1 ULP         |
//! | `ln_1p`  | 3 ULP         |
//! | `tanh`   | 3.5 ULP       |
//! | `normal` | 5 ULP; below -13.2 (where results would be subnormal) it is 0 |
//! | `square_roots` | 7 ULP   |

use crate::inlined;

/// Adding and subtracting `1.5 · 2²³` rounds an `f32` below `2²²` to the nearest integer.
const ROUND: f32 = 12_582_912.0;
/// `ln 2` in two parts: the first has few enough bits that its product with an integer is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `eˣ`.
///
/// `x = n·ln 2 + r` with `|r| ≤ ½·ln 2`, so `eˣ = 2ⁿ·eʳ`; `eʳ` is Taylor's polynomial of degree 7 (remainder
/// below `2⁻²⁷`), `2ⁿ` goes into the exponent bits in two halves, since `2¹²⁸` is not an `f32`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let [p, half, rest] = exp_parts(x);
    let y = (1.0 + p) * half * rest;
    let y = if x < -87.336_54 { 0.0 } else { y };
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// `eˣ − 1`, accurate near 0: `2ⁿ·(eʳ − 1) + (2ⁿ − 1)`, with `n` and `r` as in [`exp`].
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    let [p, half, rest] = exp_parts(x);
    let power = half * rest;
    // From here on the 1 is rounded away, and a power of two may be infinite whose product with `eʳ` is not.
    let y = if x > 20.0 { (1.0 + p) * half * rest } else { p * power + (power - 1.0) };
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// `eʳ − 1`, and two factors of `2ⁿ`, for [`exp`].
#[inline(always)]
fn exp_parts(x: f32) -> [f32; 3] {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    let clamped = x.clamp(-88.0, 89.0);
    let shifted = clamped * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let tail = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * tail);
    let p = r + r * r * (0.5 + r * (1.0 / 6.0 + r * tail));
    // Wrapping, here and below: a check of each sum, as in a build without optimisation, would undo the vector code.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let scale = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    [p, scale(half), scale(n.wrapping_sub(half))]
}

/// The natural logarithm.
///
/// `x = 2ᵉ·m` with `m` in `[√½, √2)`; with `s = (m − 1)/(m + 1)` (no cancellation: `m − 1` is exact),
/// `ln m = 2·(s + s³/3 + s⁵/5 + …)`.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // Subnormal numbers are scaled into the normal range first.
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits() as i32;
    let exponent = bits.wrapping_sub(SQRT_HALF) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(exponent << 23) as u32);
    let e = exponent as f32 - if tiny { 23.0 } else { 0.0 };
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z * (0.666_666_6 + z * (0.400_009_7 + z * (0.284_987_87 + z * 0.242_790_79)));
    // ln(1 + f) = f − (f²/2 − s·(f²/2 + series)): the large term `f` stays exact.
    let half_square = 0.5 * f * f;
    let y = e * LN2_HIGH + (f - (half_square - (s * (half_square + series) + e * LN2_LOW)));
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    let y = if x == f32::INFINITY { x } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// Bits of `√½`, the lower end of the mantissa range of [`ln`].
const SQRT_HALF: i32 = 0x3f35_04f3;

/// `ln(1 + x)`, accurate near 0.
///
/// `u = 1 + x` loses low bits of `x`; `ln(u)·x/(u − 1)` puts them back, since `u − 1` is exact.
/// Source: Kahan, as told by Goldberg (1991), "What every computer scientist should know about
/// floating-point arithmetic", theorem 4.
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let rest = u - 1.0;
    let y = ln(u);
    let corrected = y * (x / if rest == 0.0 { 1.0 } else { rest });
    let corrected = if u == f32::INFINITY || u <= 0.0 { y } else { corrected };
    if rest == 0.0 { x } else { corrected }
}

/// The hyperbolic tangent.
///
/// From −9 to 9, where it rounds to −1 and 1, `x · P(x²) / Q(x²)` with polynomials of degree 4: a least-squares
/// fit with weights moved to where the error is largest (Lawson 1961), which is 2.1e-8 at most.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // In this order, here and below, NaN stays.
    let x = if x > 9.0 { 9.0 } else { x };
    let x = if x < -9.0 { -9.0 } else { x };
    let t = x * x;
    let p = 3.494_033_6e-3 + t * (2.058_346_8e-5 + t * 1.331_905_5e-8);
    let p = x * (1.0 + t * (0.133_797_17 + t * p));
    let q = 2.587_107e-2 + t * (3.283_091_4e-4 + t * 7.762_012e-7);
    let y = p / (1.0 + t * (0.467_130_33 + t * q));
    let y = if y > 1.0 { 1.0 } else { y };
    if y < -1.0 { -1.0 } else { y }
}

/// The standard normal distribution: the probability `Φ(x)` of a number below `x`, and the density `φ(x)`.
///
/// With `u = k / (|x| + k)`, `Φ(−|x|) · e^{x²/2} / u` is almost a polynomial of `u`: that of degree 8 through
/// Chebyshev's points for `k = 4.7` is off by 2.8e-8. The square is split, so that its rounding is not magnified.
/// Source of the form: Shepherd, Laframboise (1981), "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in
/// 0 ≤ x < ∞".
#[inline(always)]
pub fn normal(x: f32) -> [f32; 2] {
    const K: f32 = 4.7;
    /// `1 / √(2π)`.
    const DENSITY_AT_0: f32 = 0.398_942_3;
    // From here on both are 0. NaN stays.
    let a = if x.abs() > 14.0 { 14.0 } else { x.abs() };
    let high = f32::from_bits(a.to_bits() & 0xffff_f000);
    let rest = -0.5 * (a - high) * (a + high);
    let power = exp(-0.5 * high * high);
    let power = power * (1.0 + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0))));
    let u = K / (a + K);
    let v = u - 0.25;
    let p = 0.149_699_28 + v * (0.057_405_41 + v * (0.107_046_81 - v * 0.063_148_05));
    let p = 0.169_662_63 + v * (0.181_007_02 + v * (0.169_677_85 + v * p));
    let p = 0.112_614_23 + v * (0.144_256_93 + v * p);
    let below = p * u * power;
    [if x > 0.0 { 1.0 - below } else { below }, DENSITY_AT_0 * power]
}

/// The square roots of numbers from 0 up; of infinity something as large as that of the largest number.
///
/// The one unit for roots and divisions is slow, so the root is the number times its inverse root, by two steps
/// of Newton's method, one step for all numbers before the next, since each waits for the one before it. Source
/// of the start and the first step, whose error is 6.5e-4: Kadlec (2010), "Improving the fast inverse square root".
#[inline(always)]
pub fn square_roots<const N: usize>(squares: [f32; N]) -> [f32; N] {
    let squares = squares.map(inlined!(|square| if square > f32::MAX { f32::MAX } else { square }));
    let mut inverse = squares.map(inlined!(|square| {
        f32::from_bits(0x5f1f_fff9_u32.wrapping_sub(square.to_bits() >> 1))
    }));
    for [factor, weight] in [[1.681_913_2, 0.703_952_25], [1.5, 0.5]] {
        for (y, square) in inverse.iter_mut().zip(squares) {
            *y = *y * (factor - weight * square * *y * *y);
        }
    }
    for (y, square) in inverse.iter_mut().zip(squares) {
        *y *= square;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::{exp, exp_m1, ln, ln_1p, normal, square_roots, tanh};
    use crate::testing::{LENGTHS, on_each_isa};
    use crate::{inlined, vectorize};

    const UP: f32 = f32::INFINITY;
    const DOWN: f32 = f32::NEG_INFINITY;

    /// Largest error of `f` between `low` and `high`, in ULP of the exact result.
    fn worst_ulp(f: fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32) -> (f64, f32) {
        const COUNT: i32 = 400_000;
        let mut worst = (0.0, 0.0);
        for i in 0..=COUNT {
            let x = low + (high - low) * (i as f32 / COUNT as f32);
            let want = exact(f64::from(x));
            let ulp = f64::from((want as f32).abs().max(f32::MIN_POSITIVE)) * 2f64.powi(-24);
            // An ULP is between 2⁻²⁴ and 2⁻²³ of the value; the smaller one is the stricter unit.
            let error = (f64::from(f(x)) - want).abs() / (2.0 * ulp);
            if error > worst.0 || error.is_nan() {
                worst = (error, x);
            }
        }
        worst
    }

    #[test]
    fn vectors_of_every_length_have_the_results_of_single_numbers() {
        let functions: [fn(f32) -> f32; 6] =
            [exp, exp_m1, |x| ln(x.abs()), |x| ln_1p(x.abs()), tanh, |x| normal(x)[0]];
        on_each_isa(|isa| {
            for len in LENGTHS {
                let x: Vec<f32> = (0..len).map(|i| i as f32 * 0.07 - 20.0).collect();
                let mut vectors: [Vec<f32>; 6] = std::array::from_fn(|_| x.clone());
                let [a, b, c, d, e, f] = &mut vectors;
                vectorize(inlined!(|| {
                    a.iter_mut().for_each(|x| *x = exp(*x));
                    b.iter_mut().for_each(|x| *x = exp_m1(*x));
                    c.iter_mut().for_each(|x| *x = ln(x.abs()));
                    d.iter_mut().for_each(|x| *x = ln_1p(x.abs()));
                    e.iter_mut().for_each(|x| *x = tanh(*x));
                    f.iter_mut().for_each(|x| *x = normal(*x)[0]);
                }));
                for (vector, function) in vectors.iter().zip(functions) {
                    let single: Vec<f32> = x.iter().map(|&x| function(x)).collect();
                    assert_eq!(*vector, single, "{isa:?}");
                }
            }
        });
    }

    #[test]
    fn errors_stay_within_the_stated_ulp() {
        type Case = (&'static str, fn(f32) -> f32, fn(f64) -> f64, f32, f32, f64);
        let probability: fn(f64) -> f64 = |x| 0.5 * libm::erfc(-x * 0.5_f64.sqrt());
        let density: fn(f64) -> f64 =
            |x| libm::exp(-0.5 * x * x) / (2.0 * std::f64::consts::PI).sqrt();
        let cases: [Case; 13] = [
            ("exp", exp, libm::exp, -87.3, 88.7, 1.5),
            ("exp near 0", exp, libm::exp, -1.0, 1.0, 1.5),
            ("exp_m1", exp_m1, libm::expm1, -20.0, 88.7, 2.5),
            ("exp_m1 near 0", exp_m1, libm::expm1, -1.0, 1.0, 2.5),
            ("probability", |x| normal(x)[0], probability, -13.0, 13.0, 5.0),
            ("density", |x| normal(x)[1], density, -13.0, 13.0, 5.0),
            ("ln", ln, libm::log, 1e-6, 4.0, 1.0),
            ("ln of large", ln, libm::log, 4.0, 1e30, 1.0),
            ("ln of subnormal", ln, libm::log, 1e-44, 1e-38, 1.0),
            ("ln_1p", ln_1p, libm::log1p, -0.999, 3.0, 3.0),
            ("ln_1p near 0", ln_1p, libm::log1p, -1e-3, 1e-3, 3.0),
            ("tanh", tanh, libm::tanh, -10.0, 10.0, 3.5),
            ("tanh near 0", tanh, libm::tanh, -0.7, 0.7, 3.5),
        ];
        for (name, f, exact, low, high, bound) in cases {
            let (error, x) = worst_ulp(f, exact, low, high);
            assert!(error <= bound, "{name}: {error:.2} ULP at {x}, stated {bound}");
        }
    }

    #[test]
    fn square_roots_stay_within_the_stated_ulp() {
        let mut worst = 0.0_f64;
        for exponent in -37..38 {
            for i in 0..2000 {
                let square = ((1.0 + f64::from(i) / 222.0) * 10f64.powi(exponent)) as f32;
                let [found] = square_roots([square]);
                let exact = f64::from(square).sqrt();
                worst = worst.max(((f64::from(found) - exact) / exact).abs());
            }
        }
        let ulp = 2f64.powi(-23);
        assert!(worst <= 7.0 * ulp, "{:.2} ULP", worst / ulp);
        let [zero, largest, infinite, not] = square_roots([0.0, f32::MAX, UP, f32::NAN]);
        assert!(zero == 0.0 && infinite == largest && not.is_nan());
    }

    #[test]
    fn special_values_are_exact() {
        assert_eq!([DOWN, -1e4, 0.0, 1e4, UP].map(exp), [0.0, 0.0, 1.0, UP, UP]);
        assert_eq!([DOWN, -1e4, 0.0, 1e4, UP].map(exp_m1), [-1.0, -1.0, 0.0, UP, UP]);
        let normals = [DOWN, -1e4, 0.0, 1e4, UP].map(normal);
        assert_eq!(normals.map(|[below, _]| below), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(normals.map(|[_, density]| density), [0.0, 0.0, 0.398_942_3, 0.0, 0.0]);
        assert!(normal(f32::NAN).iter().all(|value| value.is_nan()));
        assert_eq!([0.0, 1.0, UP].map(ln), [DOWN, 0.0, UP]);
        assert_eq!([DOWN, -1e4, 0.0, 1e4, UP].map(tanh), [-1.0, -1.0, 0.0, 1.0, 1.0]);
        assert_eq!([-1.0, 0.0, 1e-20, UP].map(ln_1p), [DOWN, 0.0, 1e-20, UP]);
        for f in [exp, exp_m1, ln, tanh, ln_1p] {
            assert!(f(f32::NAN).is_nan());
        }
        assert!(ln(-1.0).is_nan() && ln_1p(-2.0).is_nan());
    }
}
