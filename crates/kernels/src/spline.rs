//! Fields of pixels interpolated between nodes by cubic B-splines.

use crate::{inlined, vectorize};

/// The pixels of an axis among nodes.
#[derive(Clone, Copy, Debug)]
pub struct SplineAxis {
    /// Pixels, at least 1.
    pub pixels: usize,
    /// How many pixels one node is from the next, above 0.
    pub spacing: f64,
    /// Where the first pixel lies between the second node and the third, from 0 to below 1.
    pub phase: f64,
}

impl SplineAxis {
    /// How many nodes there are: as many for every phase.
    pub fn nodes(&self) -> usize {
        ((self.pixels - 1) as f64 / self.spacing) as usize + 5
    }

    /// The first of the four nodes that a pixel depends on, and their weights.
    #[inline(always)]
    fn weights(&self, pixel: usize) -> (usize, [f32; 4]) {
        let place = pixel as f64 / self.spacing + self.phase;
        let first = place as usize;
        let t = (place - first as f64) as f32;
        let (square, rest) = (t * t, 1.0 - t);
        let (before, after) = (rest * rest * rest / 6.0, square * t / 6.0);
        let near = 2.0 / 3.0 - square * (1.0 - 0.5 * t);
        (first, [before, near, 1.0 - before - near - after, after])
    }
}

/// Writes the values of `[down, right]` pixels, row-major, from those of the nodes, which stand column by column. `between`
/// is space for a value at each node of a column and each pixel of a row.
///
/// Source: Unser (1999), "Splines: a perfect fit for signal and image processing".
///
/// # Panics
///
/// If the lengths do not fit.
pub fn interpolate_spline(
    [down, right]: [&SplineAxis; 2],
    nodes: &[f32],
    between: &mut [f32],
    to: &mut [f32],
) {
    let (columns, height) = (right.pixels, down.nodes());
    assert_eq!(nodes.len(), height * right.nodes(), "nodes");
    assert_eq!(between.len(), height * columns, "between");
    assert_eq!(to.len(), down.pixels * columns, "pixels");
    vectorize(inlined!(|| {
        for column in 0..columns {
            let (first, [a, b, c, d]) = right.weights(column);
            let four = &nodes[first * height..(first + 4) * height];
            for row in 0..height {
                let [p, q, r, s] =
                    [four[row], four[height + row], four[2 * height + row], four[3 * height + row]];
                between[row * columns + column] = a * p + b * q + c * r + d * s;
            }
        }
        for row in 0..down.pixels {
            let (first, [a, b, c, d]) = down.weights(row);
            let four = &between[first * columns..(first + 4) * columns];
            let to = &mut to[row * columns..(row + 1) * columns];
            for column in 0..columns {
                let [p, q, r, s] = [
                    four[column],
                    four[columns + column],
                    four[2 * columns + column],
                    four[3 * columns + column],
                ];
                to[column] = a * p + b * q + c * r + d * s;
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::testing::{is_refused, on_each_isa};

    /// The cubic B-spline.
    fn spline(x: f64) -> f64 {
        match x.abs() {
            x if x < 1.0 => (4.0 - 6.0 * x * x + 3.0 * x * x * x) / 6.0,
            x if x < 2.0 => (2.0 - x).powi(3) / 6.0,
            _ => 0.0,
        }
    }

    #[test]
    fn values_are_those_of_the_formula() {
        let mut random = Stream::new(6, 0);
        for ([rows, columns], spacing, phase) in [
            ([1, 1], 1.7, 0.0),
            ([1, 7], 2.0, 0.5),
            ([5, 3], 1.1, 0.999),
            ([28, 28], 6.9, 0.3),
            ([3, 70], 500.0, 0.7),
        ] {
            let [down, right] = [rows, columns].map(|pixels| SplineAxis { pixels, spacing, phase });
            let [n_down, n_right] = [down.nodes(), right.nodes()];
            let nodes: Vec<f32> = (0..n_down * n_right).map(|_| random.normal() as f32).collect();
            on_each_isa(|isa| {
                let (mut between, mut to) =
                    (vec![7.0; n_down * columns], vec![7.0; rows * columns]);
                interpolate_spline([&down, &right], &nodes, &mut between, &mut to);
                for (pixel, &found) in to.iter().enumerate() {
                    // The first node lies one before the place 0.
                    let place = |pixel: usize| pixel as f64 / spacing + phase + 1.0;
                    let (y, x) = (place(pixel / columns), place(pixel % columns));
                    let of = |(i, node): (usize, &f32)| {
                        let weight =
                            spline(y - (i % n_down) as f64) * spline(x - (i / n_down) as f64);
                        weight * f64::from(*node)
                    };
                    let expected: f64 = nodes.iter().enumerate().map(of).sum();
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < 2e-6, "{isa:?} {rows} × {columns}: {found}, not {expected}");
                }
            });
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let axis = SplineAxis { pixels: 3, spacing: 2.0, phase: 0.5 };
        assert_eq!(axis.nodes(), 6);
        for (nodes, between, to) in [(35, 18, 9), (36, 17, 9), (36, 18, 10)] {
            let [nodes, mut between, mut to] = [nodes, between, to].map(|len| vec![0.0; len]);
            assert!(is_refused(|| interpolate_spline([&axis; 2], &nodes, &mut between, &mut to)));
        }
    }
}
