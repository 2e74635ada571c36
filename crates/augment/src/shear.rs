//! The picture is slanted: rows move sideways in proportion to their distance from the centre, so that a vertical line
//! leans by an angle that is uniform from `−degrees` to `degrees`.

use kernels::Float;

use super::*;

settings! {
    /// See the [module](self).
    pub struct Shear {
        /// The largest angle, in degrees: above 0, at most 80.
        degrees: f64 = 10.0, up_to(80.0);
    }
}

impl Augment for Shear {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let angle = symmetric(random, self.degrees).to_radians();
        let slope = (Float::sin(angle) / Float::cos(angle)) as f32;
        picture.map(AffineMap::about_center(picture.shape(), [[1.0, 0.0], [slope, 1.0]]));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_geometry;
    use super::*;

    #[test]
    fn rows_move_sideways_by_a_uniform_angle() {
        let angle = |random: &mut Stream| 60.0 * (2.0 * random.uniform() - 1.0);
        check_geometry(&Shear { degrees: 60.0 }, [-60.0, 60.0], angle, |angle, [y, x]| {
            [y, x + angle.to_radians().tan() * y]
        });
    }
}
