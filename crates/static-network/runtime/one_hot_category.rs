//! A feature for each category.

/// 1 for the category with this code, 0 for all others.
#[inline(always)]
pub(crate) fn one_hot_category<const CATEGORIES: usize>(code: f64) -> [f64; CATEGORIES] {
    let mut features = [0.0; CATEGORIES];
    if code >= 0.0 {
        features[code as usize] = 1.0;
    }
    features
}
