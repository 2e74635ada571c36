//! Sums of many numbers, in an order that does not depend on the instruction set.

use crate::{Float, MAX_LANES, bounds, inlined, transpose, vectorize};

/// The sum of all values: sixteen partial sums, then those in order.
pub fn sum<T: Float>(values: &[T]) -> T {
    vectorize(inlined!(|| {
        let sums: [T; 16] = fold(values, T::ZERO, T::add);
        sums.into_iter().sum()
    }))
}

/// The sum of all squares, in `f64`: no finite `f32` makes it overflow. Of 64 partial sums.
pub fn sum_of_squares<T: Float>(values: &[T]) -> f64 {
    vectorize(inlined!(|| {
        let sums: [f64; 64] =
            fold(values, 0.0, inlined!(|sum, x: T| sum + x.to_f64() * x.to_f64()));
        sums.into_iter().sum()
    }))
}

/// Adds to each element of `to` the sum of its row of `width` elements: sixteen partial sums, number `i` of the
/// row in number `i` modulo 16, then those in order.
///
/// # Panics
///
/// If there are too few values.
pub fn add_row_sums<T: Float>(values: &[T], width: usize, to: &mut [T]) {
    /// Rows at a time, and partial sums of each: a square, which is transposed to add up its rows side by side.
    const SIDE: usize = MAX_LANES;
    bounds::check("values", to.len().checked_mul(width), values.len());
    if width == 0 {
        return;
    }
    let (mut partial, mut transposed) = ([T::ZERO; SIDE * SIDE], [T::ZERO; SIDE * SIDE]);
    for (to, rows) in to.chunks_mut(SIDE).zip(values.chunks(SIDE * width)) {
        // Rows as long as that are their partial sums.
        let square = if width == SIDE && to.len() == SIDE {
            &rows[..SIDE * SIDE]
        } else {
            vectorize(inlined!(|| {
                for (sums, row) in partial.chunks_exact_mut(SIDE).zip(rows.chunks_exact(width)) {
                    sums.copy_from_slice(&fold::<SIDE, _, _>(row, T::ZERO, T::add));
                }
            }));
            &partial
        };
        transpose((square, SIDE), [SIDE, SIDE], (&mut transposed, SIDE));
        vectorize(inlined!(|| {
            let sums: [T; SIDE] = fold(&transposed, T::ZERO, T::add);
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }));
    }
}

/// Whether the magnitude of every value is below `limit`; not so for NaN.
pub fn all_below<T: Float>(values: &[T], limit: T) -> bool {
    vectorize(inlined!(|| {
        let below = |x: T| if x.abs() < limit { u32::MAX } else { 0 };
        fold(values, u32::MAX, inlined!(|all, x| all & below(x))) == [u32::MAX; 64]
    }))
}

/// Folds into `N` results side by side; number `i` goes to result `i` modulo that. To be called by [`vectorize`].
#[inline(always)]
pub(crate) fn fold<const N: usize, T: Copy, R: Copy>(
    values: &[T],
    start: R,
    add: impl Fn(R, T) -> R,
) -> [R; N] {
    let mut results = [start; N];
    let mut chunks = values.chunks_exact(N);
    for chunk in &mut chunks {
        results.iter_mut().zip(chunk).for_each(|(result, &value)| *result = add(*result, value));
    }
    let rest = results.iter_mut().zip(chunks.remainder());
    rest.for_each(|(result, &value)| *result = add(*result, value));
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LENGTHS, is_refused, on_each_isa};

    #[test]
    fn every_row_is_summed_up_and_added() {
        on_each_isa(|isa| {
            for width in LENGTHS {
                let values: Vec<f64> = (0..3 * width).map(|i| i as f64).collect();
                let mut to = [100.0, 200.0, 300.0];
                add_row_sums(&values, width, &mut to);
                for (row, to) in to.into_iter().enumerate() {
                    let sum: f64 = values[row * width..][..width].iter().sum();
                    let want = (row + 1) as f64 * 100.0 + sum;
                    assert_eq!(to, want, "{isa:?}: row {row} of {width}");
                }
            }
            for rows in LENGTHS {
                let mut to = vec![1.0f32; rows];
                add_row_sums(&vec![2.0; 3 * rows], 3, &mut to);
                assert_eq!(to, vec![7.0; rows], "{isa:?}");
            }
        });
    }

    #[test]
    fn rows_outside_are_refused() {
        // With plain arithmetic two rows of the second width would end at 0.
        for width in [4, usize::MAX / 2 + 1] {
            let refused = is_refused(|| add_row_sums(&[0.0; 7], width, &mut [0.0; 2]));
            assert!(refused, "two rows of {width}");
        }
    }

    #[test]
    fn a_value_that_is_not_below_is_found_anywhere() {
        for len in [1, 63, 64, 65, 200] {
            let values = vec![-2.0f32; len];
            assert!(all_below(&values, 2.5) && !all_below(&values, 2.0));
            for (at, bad) in
                (0..len).zip([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0].into_iter().cycle())
            {
                let mut values = values.clone();
                values[at] = bad;
                assert!(!all_below(&values, 2.5), "{bad} at {at} of {len}");
            }
        }
        assert!(all_below::<f64>(&[], 1.0));
    }

    #[test]
    fn sums_count_every_element_stay_finite_for_large_numbers_and_show_bad_ones() {
        on_each_isa(|isa| {
            for len in LENGTHS {
                let values: Vec<f32> = (1..=len).map(|i| i as f32).collect();
                assert_eq!(sum(&values), (len * (len + 1) / 2) as f32, "{isa:?}");
                let squares = (len * (len + 1) * (2 * len + 1) / 6) as f64;
                assert_eq!(sum_of_squares(&values), squares, "{isa:?}");
                assert!(all_below(&values, len as f32 + 0.5), "{isa:?}: {len}");
                assert_eq!(all_below(&values, len as f32), len == 0, "{isa:?}: {len}");
            }
        });
        assert!(sum_of_squares(&[f32::MAX; 3]).is_finite());
        assert!(!sum_of_squares(&[0.0, f32::NAN]).is_finite());
        assert!(!sum_of_squares(&[0.0f32, f32::INFINITY]).is_finite());
    }
}
