//! A rectified linear unit with a slope below 0.

/// `x` above 0, else `slope · x`.
#[inline(always)]
pub(crate) fn leaky_relu(x: f32, slope: f32) -> f32 {
    // A zero without sign.
    (if x > 0.0 { x } else { slope * x }) + 0.0
}
