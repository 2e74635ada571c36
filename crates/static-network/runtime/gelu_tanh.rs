//! The Gaussian error linear unit by a sigmoid.

use super::sigmoid;

/// `x · sigmoid(√(8/π) · (x + 0.044715 x³))`.
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    (if x < -800.0 { -800.0 } else { x }) * sigmoid(1.595_769_2 * (x + 0.044_715 * x * x * x))
}
