//! The exponential linear unit.

use super::exp_m1;

/// `right · x` above 0, else `left · (eˣ − 1)`.
#[inline(always)]
pub(crate) fn elu(x: f32, [right, left]: [f32; 2]) -> f32 {
    if x > 0.0 { right * x } else { left * exp_m1(x) }
}
