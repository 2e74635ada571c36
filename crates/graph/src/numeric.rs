//! Numerical gradients: central differences of a function, and descent along them.

/// The step of "Deep Learning from Scratch", a good one for functions that change over lengths near 1.
pub const STEP: f64 = 1e-4;

/// The gradient of `f` at `x` by central differences, `(f(x + h) − f(x − h)) / 2h`, one element at a
/// time.
///
/// The error is of the order of `h²`, plus rounding of the order of `1e-16 / h`.
///
/// ```
/// use gradus_graph::numeric::{STEP, gradient};
///
/// let slope = gradient(|x| x[0] * x[0] + x[1] * x[1], &[3.0, 4.0], STEP);
/// assert!((slope[0] - 6.0).abs() < 1e-9 && (slope[1] - 8.0).abs() < 1e-9);
/// ```
pub fn gradient(mut f: impl FnMut(&[f64]) -> f64, x: &[f64], step: f64) -> Vec<f64> {
    let mut at = x.to_vec();
    let slope = |i: usize| {
        let center = at[i];
        let mut value = |x: f64| {
            at[i] = x;
            f(&at)
        };
        let difference = value(center + step) - value(center - step);
        at[i] = center;
        difference / (2.0 * step)
    };
    (0..x.len()).map(slope).collect()
}

/// Gradient descent on `f` from `start` by numerical gradients: `x ← x − learning_rate · ∇f(x)`.
///
/// Returns every point of the path, the start first and `steps` more.
pub fn descend(
    mut f: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    learning_rate: f64,
    steps: usize,
) -> Vec<Vec<f64>> {
    let mut path = vec![start.to_vec()];
    for _ in 0..steps {
        let x = &path[path.len() - 1];
        let slope = gradient(&mut f, x, STEP);
        path.push(x.iter().zip(slope).map(|(x, slope)| x - learning_rate * slope).collect());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bowl(x: &[f64]) -> f64 {
        x[0] * x[0] + x[1] * x[1]
    }

    #[test]
    fn g6_numerical_gradient_of_a_parabola() {
        let f = |x: &[f64]| 0.01 * x[0] * x[0] + 0.1 * x[0];
        assert!((gradient(f, &[5.0], STEP)[0] - 0.2).abs() < 1e-11);
        assert!((gradient(f, &[10.0], STEP)[0] - 0.3).abs() < 1e-11);
        // The book's printout, down to its last rounding error.
        let book = (f(&[5.0 + STEP]) - f(&[5.0 - STEP])) / (2.0 * STEP);
        assert_eq!(gradient(f, &[5.0], STEP)[0], book);
    }

    #[test]
    fn g7_gradient_of_the_sum_of_squares() {
        for (x, want) in
            [([3.0, 4.0], [6.0, 8.0]), ([0.0, 2.0], [0.0, 4.0]), ([3.0, 0.0], [6.0, 0.0])]
        {
            let slope = gradient(bowl, &x, STEP);
            assert!(slope.iter().zip(want).all(|(s, w)| (s - w).abs() < 1e-9), "{x:?}: {slope:?}");
        }
    }

    #[test]
    fn g8_gradient_descent_reaches_the_bottom_blows_up_or_hardly_moves() {
        let end = |learning_rate| descend(bowl, &[-3.0, 4.0], learning_rate, 100).pop().unwrap();
        let arrived = end(0.1);
        assert!(
            (arrived[0] + 6.11e-10).abs() < 1e-12 && (arrived[1] - 8.15e-10).abs() < 1e-12,
            "{arrived:?}"
        );
        assert!(end(10.0)[0].abs() > 1e6);
        let stuck = end(1e-10);
        assert!((stuck[0] + 3.0).abs() < 1e-6 && (stuck[1] - 4.0).abs() < 1e-6, "{stuck:?}");
    }

    #[test]
    fn the_path_has_every_point_ascent_is_descent_upside_down_and_nothing_has_no_gradient() {
        let path = descend(bowl, &[1.0, 0.0], 0.1, 3);
        assert_eq!(path.len(), 4);
        assert_eq!(path[0], [1.0, 0.0]);
        let up = descend(|x| -bowl(x), &[1.0, 0.0], -0.1, 3);
        assert!(path.iter().flatten().zip(up.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(gradient(|_| 1.0, &[], STEP).is_empty());
    }
}
