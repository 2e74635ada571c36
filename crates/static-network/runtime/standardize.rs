//! Mean 0 and variance 1 within groups.

use super::sqrt;

/// `y = (y − mean) / √(variance + ε)` of each group of `y`, viewed as `[a, p, g, c]`: all `p` and `c` of an `a` and a `g`.
#[inline(always)]
pub(crate) fn standardize(y: &mut [f32], [_, p, g, c]: [usize; 4], epsilon: f32) {
    let share = (1.0 / (p * c) as f64) as f32;
    for y in y.chunks_exact_mut(p * g * c) {
        for group in 0..g {
            let mut mean = 0.0;
            for block in y.chunks_exact(g * c) {
                block[group * c..][..c].iter().for_each(|y| mean += y);
            }
            mean *= share;
            let mut squares = 0.0;
            for block in y.chunks_exact_mut(g * c) {
                for y in &mut block[group * c..][..c] {
                    *y -= mean;
                    squares += *y * *y;
                }
            }
            let inverse = 1.0 / sqrt(squares * share + epsilon);
            for block in y.chunks_exact_mut(g * c) {
                block[group * c..][..c].iter_mut().for_each(|y| *y *= inverse);
            }
        }
    }
}
