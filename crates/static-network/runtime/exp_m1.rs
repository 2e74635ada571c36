//! The exponential function minus 1.

use super::exp_parts;

/// `eˣ − 1`, accurate near 0.
#[inline(always)]
pub(crate) fn exp_m1(x: f32) -> f32 {
    let [p, half, rest] = exp_parts(x);
    let power = half * rest;
    let y = if x > 20.0 { (1.0 + p) * half * rest } else { p * power + (power - 1.0) };
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}
