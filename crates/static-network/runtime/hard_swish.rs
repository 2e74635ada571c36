//! A form of the sigmoid linear unit from straight lines.

/// `x · min(max(x + 3, 0), 6) / 6`.
#[inline(always)]
pub(crate) fn hard_swish(x: f32) -> f32 {
    let y = x * (x + 3.0) * (1.0 / 6.0);
    let y = if x >= 3.0 { x } else { y };
    if x <= -3.0 { 0.0 } else { y }
}
