//! The product with a matrix of weights.

use super::Weight;

/// Inputs from which zeros are skipped: most pixels of a digit are 0, and half of what follows a ReLU.
const MANY: usize = 64;

/// `y[j] = Σ_i x[i] · weight[i][j]` for each row of `x`, summed in the order of `i`.
#[inline(always)]
pub(crate) fn linear<W: Weight, const OUTPUTS: usize>(
    x: &[f32],
    weight: &[[W; OUTPUTS]],
    y: &mut [f32],
) {
    for (x, y) in x.chunks_exact(weight.len()).zip(y.as_chunks_mut::<OUTPUTS>().0) {
        let mut sums = [0.0; OUTPUTS];
        for (&x, weights) in x.iter().zip(weight) {
            if weight.len() >= MANY && x == 0.0 {
                continue;
            }
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += x * weight.value();
            }
        }
        *y = sums;
    }
}
