//! Numbers of rows and classes.

/// The nearest whole number, if it is 0 or more.
#[inline(always)]
pub(crate) fn nearest(x: f32) -> Option<usize> {
    (x > -0.5).then(|| (f64::from(x) + 0.5) as usize)
}
