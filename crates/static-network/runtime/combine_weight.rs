//! A function of numbers and weights, such as a bias.

use super::Weight;

/// `y = f(y, weight)`, with the weights repeated along `y`.
#[inline(always)]
pub(crate) fn combine_weight<W: Weight>(y: &mut [f32], weights: &[W], f: impl Fn(f32, f32) -> f32) {
    for y in y.chunks_exact_mut(weights.len()) {
        for (y, weight) in y.iter_mut().zip(weights) {
            *y = f(*y, weight.value());
        }
    }
}
