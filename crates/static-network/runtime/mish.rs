//! Mish.

use super::exp;

/// `x · tanh(ln(1 + eˣ))`.
#[inline(always)]
pub(crate) fn mish(x: f32) -> f32 {
    let p = exp(-x.abs());
    let square = p * p;
    let is_right = x > 0.0;
    let numerator = 2.0 * p + if is_right { 1.0 } else { square };
    let denominator = numerator + 2.0 * if is_right { square } else { 1.0 };
    (if x < -800.0 { -800.0 } else { x }) * (numerator / denominator)
}
