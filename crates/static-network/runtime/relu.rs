//! The rectified linear unit.

/// `max(x, 0)`.
#[inline(always)]
pub(crate) fn relu(x: f32) -> f32 {
    // A zero without sign.
    (if x < 0.0 { 0.0 } else { x }) + 0.0
}
