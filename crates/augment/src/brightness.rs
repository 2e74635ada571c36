//! All values are multiplied by a factor that is uniform from `1 − fraction` to `1 + fraction`. The background stays 0, and
//! nothing is cut off.

use super::*;

settings! {
    /// See the [module](self).
    pub struct Brightness {
        /// How far the factor is from 1 at most: above 0, at most 1.
        fraction: f64 = 0.2, up_to(1.0);
    }
}

impl Augment for Brightness {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let factor = (1.0 + symmetric(random, self.fraction)) as f32;
        picture.values().iter_mut().for_each(|value| *value *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_uniform, augmented};
    use super::*;
    use crate::picture::testing::{SHAPES, picture_of};

    #[test]
    fn all_values_have_one_uniform_factor() {
        let kind = Brightness { fraction: 0.5 };
        let one = picture_of([1, 1, 1])[0];
        let factor = |found: f32| f64::from(found / one);
        let factors: Vec<f64> =
            (0..4000).map(|sample| factor(augmented(&kind, [1, 1, 1], sample)[0])).collect();
        // Rounded in `f32`, at the ends.
        assert_uniform(&factors, [0.5 - 1e-6, 1.5 + 1e-6]);
        for shape in SHAPES {
            let found = augmented(&kind, shape, 7);
            for (found, before) in found.iter().zip(picture_of(shape)) {
                assert!((f64::from(*found) - factors[7] * f64::from(before)).abs() < 1e-6);
            }
        }
    }
}
