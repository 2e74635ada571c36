//! The picture is rotated about its centre by an angle that is uniform from `−degrees` to `degrees`.

use kernels::Float;

use super::*;

settings! {
    /// See the [module](self).
    pub struct Rotate {
        /// The largest angle, in degrees: above 0, at most 180.
        degrees: f64 = 10.0, up_to(180.0);
    }
}

impl Augment for Rotate {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let angle = symmetric(random, self.degrees).to_radians();
        // Those of `libm`, which are the same everywhere.
        let (sin, cos) = (Float::sin(angle) as f32, Float::cos(angle) as f32);
        picture.map(AffineMap::about_center(picture.shape(), [[cos, sin], [-sin, cos]]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{augmented, check_geometry};
    use super::*;
    use crate::picture::{PictureBuffers, testing::changed};

    #[test]
    fn the_picture_is_rotated_about_its_centre_by_a_uniform_angle() {
        let kind = Rotate { degrees: 30.0 };
        let angle = |random: &mut Stream| 60.0 * random.uniform() - 30.0;
        check_geometry(&kind, [-30.0, 30.0], angle, |angle, [y, x]| {
            let (sin, cos) = angle.to_radians().sin_cos();
            [cos * y + sin * x, cos * x - sin * y]
        });
        assert_eq!(augmented(&kind, [1, 1, 1], 0).len(), 1);
    }

    #[test]
    fn ink_that_stays_inside_keeps_its_mass() {
        let shape = [28, 28, 1];
        // A smooth spot beside the centre: a narrow one would gain or lose by interpolation.
        let spot = |i: usize| {
            let (y, x) = ((i / 28) as f32 - 10.0, (i % 28) as f32 - 16.0);
            (-(y * y + x * x) / 12.0).exp()
        };
        let before: Vec<f32> = (0..784).map(spot).collect();
        let mass = before.iter().sum::<f32>();
        for sample in 0..50 {
            let (mut values, mut buffers) = (before.clone(), PictureBuffers::default());
            let mut picture = AugmentedPicture::new(shape, &mut values, &mut buffers);
            Rotate { degrees: 180.0 }
                .apply(&mut picture, &mut super::super::testing::random(sample));
            let found = picture.values().iter().sum::<f32>();
            assert!((found / mass - 1.0).abs() < 0.01, "sample {sample}: {found} of {mass}");
        }
        let quarter = changed([5, 5, 1], |picture| {
            picture.map(AffineMap::about_center([5, 5, 1], [[0.0, 1.0], [-1.0, 0.0]]));
        });
        let before = crate::picture::testing::picture_of([5, 5, 1]);
        assert!((0..25).all(|i| quarter[i] == before[(i % 5) * 5 + 4 - i / 5]), "{quarter:?}");
    }
}
