//! Two categories as one feature.

/// −1 for the first category, 1 for the second, 0 for none.
#[inline(always)]
pub(crate) fn sign_of_category(code: f64) -> f64 {
    let sign = if code == 1.0 { 1.0 } else { -1.0 };
    if code >= 0.0 { sign } else { 0.0 }
}
