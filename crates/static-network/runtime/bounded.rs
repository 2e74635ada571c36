//! Features from numbers.

/// The numbers within the range of `f32`.
#[inline(always)]
pub(crate) fn bounded(x: &[f64], features: &mut [f32]) {
    for (feature, x) in features.iter_mut().zip(x) {
        *feature = x.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
    }
}
