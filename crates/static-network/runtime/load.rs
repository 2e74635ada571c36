//! Stored numbers as a value.

use super::Weight;

/// `y = numbers`.
#[inline(always)]
pub(crate) fn load<W: Weight>(numbers: &[W], y: &mut [f32]) {
    for (y, number) in y.iter_mut().zip(numbers) {
        *y = number.value();
    }
}
