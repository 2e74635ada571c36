//! The largest of some scores.

/// The largest score; NaN if the first one is.
#[inline(always)]
pub(crate) fn maximum(scores: &[f32]) -> f32 {
    let larger = |maximum, &score| (if maximum < score { score } else { maximum }) + 0.0;
    scores[1..].iter().fold(scores[0], larger)
}
