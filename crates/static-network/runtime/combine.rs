//! A function of the numbers of two values.

/// `y = f(y, x)`, with `x` repeated along `y`.
#[inline(always)]
pub(crate) fn combine(y: &mut [f32], x: &[f32], f: impl Fn(f32, f32) -> f32) {
    for y in y.chunks_exact_mut(x.len()) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = f(*y, x);
        }
    }
}
