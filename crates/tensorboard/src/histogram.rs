//! The quantiles of a log as a histogram.

use events::Quantiles;

use crate::proto::HistogramProto;

/// A histogram of `count` numbers: each bucket between two different edges has as many as lie there, evenly. So the sums are
/// those of numbers evenly within their buckets, and numbers that equal an edge are counted beside it.
///
/// Edges that are not finite are left out, with the buckets beside them.
pub(crate) fn histogram(Quantiles(edges): &Quantiles, count: usize) -> HistogramProto {
    // The numbers of so many buckets.
    let numbers = |buckets: usize| (count * buckets) as f64 / (edges.len() - 1) as f64;
    let edges = edges.map(f64::from);
    let [min, .., max] = edges;
    let mut histogram = HistogramProto { min, max, ..HistogramProto::default() };
    let finite = edges.array_windows().filter(|ends| ends.iter().all(|end| end.is_finite()));
    // Numbers in a bucket without width would not be drawn.
    let (mut n_buckets, mut waiting) = (0, 0);
    for &[low, high] in finite {
        histogram.sum += numbers(1) * f64::midpoint(low, high);
        histogram.sum_squares += numbers(1) * (low * low + low * high + high * high) / 3.0;
        n_buckets += 1;
        waiting += 1;
        if low < high {
            histogram.bucket_limit.push(high);
            histogram.bucket.push(numbers(std::mem::take(&mut waiting)));
        }
    }
    histogram.num = numbers(n_buckets);
    match histogram.bucket.last_mut() {
        Some(last) => *last += numbers(waiting),
        None if waiting > 0 => {
            histogram.bucket_limit.push(max);
            histogram.bucket.push(numbers(waiting));
        }
        None => {}
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_buckets_hold_equally_many() {
        let found = histogram(&Quantiles([-4.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), 70);
        assert_eq!((found.min, found.max, found.num), (-4.0, 3.0, 70.0));
        assert_eq!(found.bucket_limit, [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]);
        assert_eq!(found.bucket, [10.0; 7]);
        // Midpoints: -3, -1.5, -0.5, 0.25, 0.75, 1.5, 2.5.
        assert_eq!(found.sum, 0.0);
        // The mean square of even numbers: 28/3, 7/3, 1/3, 1/12, 7/12, 7/3, 19/3.
        assert!((found.sum_squares - 10.0 * (62.0 / 3.0 + 8.0 / 12.0)).abs() < 1e-9);
    }

    #[test]
    fn numbers_that_are_equal_count_in_the_bucket_beside_them() {
        let limits_and_counts = |edges| {
            let found = histogram(&Quantiles(edges), 7);
            assert_eq!(found.bucket.iter().sum::<f64>(), found.num);
            (found.bucket_limit, found.bucket)
        };
        assert_eq!(limits_and_counts([0.0; 8]), (vec![0.0], vec![7.0]));
        let few = limits_and_counts([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(few, (vec![1.0, 2.0], vec![4.0, 3.0]));
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let nan = f32::NAN;
        let found = histogram(&Quantiles([1.0, 2.0, nan, nan, nan, nan, nan, nan]), 14);
        assert_eq!((found.bucket_limit, found.bucket, found.num), (vec![2.0], vec![2.0], 2.0));
        let found = histogram(&Quantiles([nan; 8]), 14);
        assert_eq!((found.bucket.len(), found.num), (0, 0.0));
    }
}
