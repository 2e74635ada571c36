//! Class numbers as rows of a 1 among zeros.

use super::nearest;

/// A row of so many classes for each number; zeros for one that is not a class.
#[inline(always)]
pub(crate) fn one_hot(x: &[f32], classes: usize, y: &mut [f32]) {
    y.fill(0.0);
    for (x, y) in x.iter().zip(y.chunks_exact_mut(classes)) {
        if let Some(y) = nearest(*x).and_then(|class| y.get_mut(class)) {
            *y = 1.0;
        }
    }
}
