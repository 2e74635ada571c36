//! The sigmoid linear unit.

use super::sigmoid;

/// `x · sigmoid(x)`.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    // Below, infinity times 0 would be NaN.
    (if x < -800.0 { -800.0 } else { x }) * sigmoid(x)
}
