//! The Gaussian error linear unit.

use super::exp;

/// `x · Φ(x)`, with the probability `Φ` of the standard normal distribution.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    (if x < -40.0 { -40.0 } else { x }) * normal(x)
}

/// The probability that a standard normal number is below `x`.
#[inline(always)]
fn normal(x: f32) -> f32 {
    const K: f32 = 4.7;
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
    if x > 0.0 { 1.0 - below } else { below }
}
