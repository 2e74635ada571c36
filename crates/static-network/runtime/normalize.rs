//! Batch normalisation, with the statistics of training.

use super::Weight;

/// `y = (y − mean) · factor + offset` for each channel.
#[inline(always)]
pub(crate) fn normalize<W: Weight>(y: &mut [f32], means: &[W], factors: &[W], offsets: &[W]) {
    for y in y.chunks_exact_mut(means.len()) {
        for (((y, mean), factor), offset) in y.iter_mut().zip(means).zip(factors).zip(offsets) {
            *y = (*y - mean.value()) * factor.value() + offset.value();
        }
    }
}
