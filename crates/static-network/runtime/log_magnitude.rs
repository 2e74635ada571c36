//! Logarithms of magnitudes.

/// `sign(x) · ln(1 + |x|)`.
pub(crate) fn log_magnitude(x: f64) -> f64 {
    let magnitude = x.abs();
    let u = 1.0 + magnitude;
    let rest = u - 1.0;
    // `1 + x` loses low bits of `x`, which the quotient puts back.
    let y = if rest == 0.0 { magnitude } else { ln(u) * (magnitude / rest) };
    (if u.is_infinite() { u } else { y }).copysign(x)
}

/// `ln x` of a number from 1 on.
fn ln(x: f64) -> f64 {
    /// The bits of `√½`.
    const SQRT_HALF: i64 = 0x3fe6_a09e_667f_3bcd;
    /// `ln 2` in two parts, of which the first has few bits.
    const LN2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    let bits = x.to_bits().cast_signed();
    let exponent = (bits - SQRT_HALF) >> 52;
    let f = f64::from_bits((bits - (exponent << 52)).cast_unsigned()) - 1.0;
    // With `s = f / (2 + f)`: `ln(1 + f) = 2 (s + s³/3 + s⁵/5 + …)`.
    let s = f / (2.0 + f);
    let z = s * s;
    let series = (1..12).rev().fold(0.0, |sum, k| (sum + 2.0 / f64::from(2 * k + 1)) * z);
    let (e, half_square) = (exponent as f64, 0.5 * f * f);
    e * LN2[0] + (f - (half_square - (s * (half_square + series) + e * LN2[1])))
}
