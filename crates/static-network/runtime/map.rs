//! A function of each number.

/// `y = f(y)`.
#[inline(always)]
pub(crate) fn map(y: &mut [f32], f: impl Fn(f32) -> f32) {
    for y in y {
        *y = f(*y);
    }
}
