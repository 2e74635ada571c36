//! Logarithms of probabilities from scores.

use super::{exp, ln, maximum};

/// `y_i = y_i − ln Σ_j e^{y_j}` of each row of so many classes.
#[inline(always)]
pub(crate) fn log_softmax(y: &mut [f32], classes: usize) {
    for y in y.chunks_exact_mut(classes) {
        let maximum = maximum(y);
        let sum = y.iter().fold(0.0, |sum, y| sum + exp(*y - maximum));
        let logarithm = ln(sum);
        y.iter_mut().for_each(|y| *y = *y - maximum - logarithm);
    }
}
