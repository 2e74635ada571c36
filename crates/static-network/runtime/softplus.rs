//! A smooth form of ReLU.

use super::{exp, ln};

/// `ln(1 + eˣ)`.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + ln_1p(exp(-x.abs()))
}

/// `ln(1 + x)`, accurate near 0.
#[inline(always)]
fn ln_1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let rest = u - 1.0;
    let y = ln(u);
    let corrected = y * (x / if rest == 0.0 { 1.0 } else { rest });
    let corrected = if u == f32::INFINITY || u <= 0.0 { y } else { corrected };
    if rest == 0.0 { x } else { corrected }
}
