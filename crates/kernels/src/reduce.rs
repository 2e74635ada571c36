//! Sums of many numbers, in an order that does not depend on the instruction set.

use crate::{Float, vectorize};

/// Partial sums that run side by side; number `i` goes to partial sum `i` modulo this.
const PARTIAL: usize = 16;

/// The sum of all values: sixteen partial sums, then those in order.
pub fn sum<T: Float>(values: &[T]) -> T {
    fold(
        values,
        T::ZERO,
        #[inline(always)]
        |sum, value| sum + value,
    )
}

/// The sum of all squares, in `f64`: no finite `f32` makes it overflow.
pub fn sum_of_squares<T: Float>(values: &[T]) -> f64 {
    fold(
        values,
        0.0,
        #[inline(always)]
        |sum, value| {
            let value = value.to_f64();
            sum + value * value
        },
    )
}

#[inline(always)]
fn fold<T: Float, S: Float>(values: &[T], zero: S, add: impl Fn(S, T) -> S) -> S {
    vectorize(
        #[inline(always)]
        || {
            let mut sums = [zero; PARTIAL];
            let mut chunks = values.chunks_exact(PARTIAL);
            for chunk in &mut chunks {
                for (sum, &value) in sums.iter_mut().zip(chunk) {
                    *sum = add(*sum, value);
                }
            }
            for (sum, &value) in sums.iter_mut().zip(chunks.remainder()) {
                *sum = add(*sum, value);
            }
            sums.into_iter().sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_count_every_element_of_every_length() {
        for len in 0..70 {
            let values: Vec<f32> = (1..=len).map(|i| i as f32).collect();
            assert_eq!(sum(&values), (len * (len + 1) / 2) as f32);
            assert_eq!(sum_of_squares(&values), (len * (len + 1) * (2 * len + 1) / 6) as f64);
        }
    }

    #[test]
    fn squares_of_large_numbers_stay_finite_and_bad_numbers_show() {
        assert!(sum_of_squares(&[f32::MAX; 3]).is_finite());
        assert!(!sum_of_squares(&[0.0, f32::NAN]).is_finite());
        assert!(!sum_of_squares(&[0.0f32, f32::INFINITY]).is_finite());
    }
}
