//! The picture is enlarged or reduced about its centre, by a factor that is uniform from `1 − fraction` to
//! `1 + fraction`.

use super::*;

settings! {
    /// See the [module](self).
    pub struct Scale {
        /// How far the factor is from 1 at most: above 0, at most 0.9.
        fraction: f64 = 0.1, up_to(0.9);
    }
}

impl Augment for Scale {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let step = (1.0 / (1.0 + symmetric(random, self.fraction))) as f32;
        picture.map(AffineMap::about_center(picture.shape(), [[step, 0.0], [0.0, step]]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_geometry;
    use super::*;

    #[test]
    fn the_picture_is_scaled_about_its_centre_by_a_uniform_factor() {
        let factor = |random: &mut Stream| 0.6 + 0.8 * random.uniform();
        check_geometry(&Scale { fraction: 0.4 }, [0.6, 1.4], factor, |factor, [y, x]| {
            [y / factor, x / factor]
        });
    }
}
