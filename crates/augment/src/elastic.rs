//! The picture is distorted smoothly: every pixel shows a point beside it, and neighbours move alike.
//!
//! Random displacements, uniform and equal in all directions of both axes, stand at the nodes of a grid whose place is random too;
//! between them they are interpolated by cubic B-splines. Such a spline is nearly a Gaussian: with nodes `√3 · sigma` apart
//! its standard deviation is `sigma`, so that this is the method of the source, noise smoothed by a Gaussian, for a
//! fraction of its cost. The `alpha` of 34 and `sigma` of 4 of the source are `pixels` of 1.4.
//!
//! Source: Simard, Steinkraus, Platt (ICDAR 2003), "Best practices for convolutional neural networks applied to visual
//! document analysis".

use kernels::random::unit;
use kernels::{SplineAxis, interpolate_spline};

use super::*;

/// The sum of the squares of a cubic B-spline at all nodes, in the mean over places between nodes: by it the variance of
/// the displacements at nodes shrinks, once for each axis.
const SQUARES: f64 = 151.0 / 315.0;

settings! {
    /// See the [module](self).
    pub struct Elastic {
        /// The standard deviation of a displacement down and of one to the right, in pixels: above 0 and below the
        /// longer side of the picture.
        pixels: f64 = 1.0, up_to(1000.0);
        /// How far displacements are alike, as the standard deviation of a Gaussian, in pixels: from 1 to the longer side
        /// of the picture.
        sigma: f64 = 4.0, |name, sigma| {
            require((1.0..=1000.0).contains(sigma), name, sigma, "a number from 1 to 1000")
        };
    }
}

impl Augment for Elastic {
    fn check(&self, [rows, columns, _]: [usize; 3]) -> Result<(), InvalidSetting> {
        let longer = rows.max(columns);
        let expected = format!("less than the {longer} of the longer side of a picture");
        require(self.pixels < longer as f64, "pixels", self.pixels, expected)?;
        let expected = format!("at most the {longer} of the longer side of a picture");
        require(self.sigma <= longer as f64, "sigma", self.sigma, expected)
    }

    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let [rows, columns, _] = picture.shape();
        let spacing = self.sigma * 3.0_f64.sqrt();
        let [down, right] =
            [rows, columns].map(|pixels| SplineAxis { pixels, spacing, phase: random.uniform() });
        // Uniform numbers have a third of their largest square as variance.
        let largest = (self.pixels * 3.0_f64.sqrt() / SQUARES) as f32;
        picture.displace(|fields, scratch| {
            let n_nodes = down.nodes() * right.nodes();
            scratch.resize(n_nodes + down.nodes() * columns, 0.0);
            let (nodes, between) = scratch.split_at_mut(n_nodes);
            for field in fields {
                nodes.fill_with(|| largest * (2.0 * unit(random.next_u32()) - 1.0));
                interpolate_spline([&down, &right], nodes, between, field);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{augmented, random};
    use super::*;
    use crate::picture::testing::{SHAPES, assert_shows, changed, picture_of};

    /// The cubic B-spline.
    fn spline(x: f64) -> f64 {
        match x.abs() {
            x if x < 1.0 => (4.0 - 6.0 * x * x + 3.0 * x * x * x) / 6.0,
            x if x < 2.0 => (2.0 - x).powi(3) / 6.0,
            _ => 0.0,
        }
    }

    /// The displacements of a sample, by the formula.
    fn field(kind: &Elastic, [rows, columns, _]: [usize; 3], sample: u32) -> [Vec<f64>; 2] {
        let mut random = random(sample);
        let spacing = kind.sigma * 3.0_f64.sqrt();
        let phases = [random.uniform(), random.uniform()];
        let count = |size: usize| ((size - 1) as f64 / spacing).floor() as usize + 5;
        let [n_down, n_right] = [count(rows), count(columns)];
        let largest = kind.pixels * 3.0_f64.sqrt() * 315.0 / 151.0;
        [(); 2].map(|()| {
            let nodes: Vec<f64> = (0..n_down * n_right)
                .map(|_| largest * (2.0 * f64::from(unit(random.next_u32())) - 1.0))
                .collect();
            let at = |pixel: usize| {
                let place = |pixel: usize, phase: f64| pixel as f64 / spacing + phase;
                let (y, x) = (place(pixel / columns, phases[0]), place(pixel % columns, phases[1]));
                let of = |(i, node): (usize, &f64)| {
                    // The first node lies one before the place 0.
                    let (down, right) = ((i % n_down) as f64 - 1.0, (i / n_down) as f64 - 1.0);
                    node * spline(y - down) * spline(x - right)
                };
                nodes.iter().enumerate().map(of).sum()
            };
            (0..rows * columns).map(at).collect()
        })
    }

    #[test]
    fn pixels_show_the_points_that_a_spline_of_random_nodes_gives() {
        for (kind, shape) in [1.0, 2.5, 4.0]
            .into_iter()
            .flat_map(|sigma| SHAPES.map(|shape| (Elastic { pixels: 0.9, sigma }, shape)))
        {
            for sample in 0..3 {
                let [down, right] = field(&kind, shape, sample);
                let found = augmented(&kind, shape, sample);
                assert_shows(&found, &picture_of(shape), shape, |[y, x]| {
                    let pixel = y as usize * shape[1] + x as usize;
                    [y + down[pixel], x + right[pixel]]
                });
            }
        }
    }

    #[test]
    fn displacements_have_the_deviation_that_is_asked_for_and_neighbours_move_alike() {
        let (kind, shape) = (Elastic { pixels: 1.5, sigma: 4.0 }, [28, 28, 1]);
        let (mut squares, mut differences, mut n) = (0.0, 0.0, 0.0);
        for sample in 0..300 {
            for field in field(&kind, shape, sample) {
                squares += field.iter().map(|value| value * value).sum::<f64>();
                differences += field.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f64>();
                n += field.len() as f64;
            }
        }
        let deviation = (squares / n).sqrt();
        assert!((deviation - 1.5).abs() < 0.08, "{deviation}");
        assert!(differences / n < 0.4, "{}", differences / n);
        let still = changed(shape, |picture| {
            Elastic { pixels: 1e-30, sigma: 4.0 }.apply(picture, &mut random(0));
        });
        assert_eq!(still, picture_of(shape));
    }
}
