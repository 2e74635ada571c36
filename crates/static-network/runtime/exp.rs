//! The exponential function.

use super::exp_parts;

/// `eˣ`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let [p, half, rest] = exp_parts(x);
    let y = (1.0 + p) * half * rest;
    let y = if x < -87.336_54 { 0.0 } else { y };
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}
