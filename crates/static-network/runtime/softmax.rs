//! Probabilities from scores.

use super::{exp, maximum};

/// `y_i = e^{y_i} / Σ_j e^{y_j}` of each row of so many classes.
#[inline(always)]
pub(crate) fn softmax(y: &mut [f32], classes: usize) {
    for y in y.chunks_exact_mut(classes) {
        let maximum = maximum(y);
        let mut sum = 0.0;
        for y in &mut *y {
            *y = exp(*y - maximum);
            sum += *y;
        }
        y.iter_mut().for_each(|y| *y /= sum);
    }
}
