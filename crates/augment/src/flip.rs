//! The picture is mirrored with probability ½, exactly.

use serde::{Deserialize, Serialize};

use super::*;

/// Which way pictures are mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlipDirection {
    /// Left and right are exchanged.
    #[default]
    Horizontal,
    /// Top and bottom are exchanged.
    Vertical,
    /// Either, neither or both: one does not depend on the other.
    Both,
}

settings! {
    /// See the [module](self).
    pub struct Flip {
        /// `"horizontal"`, `"vertical"` or `"both"`.
        direction: FlipDirection = FlipDirection::default();
    }
}

impl Augment for Flip {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let may_flip = match self.direction {
            FlipDirection::Horizontal => [false, true],
            FlipDirection::Vertical => [true, false],
            FlipDirection::Both => [true, true],
        };
        let factors = may_flip.map(|may| if may && random.below(2) == 1 { -1.0 } else { 1.0 });
        if factors != [1.0, 1.0] {
            let matrix = [[factors[0], 0.0], [0.0, factors[1]]];
            picture.map(AffineMap::about_center(picture.shape(), matrix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::augmented;
    use super::*;
    use crate::picture::testing::{SHAPES, picture_of};

    #[test]
    fn half_of_the_pictures_are_mirrored_exactly_in_each_direction() {
        use FlipDirection::{Both, Horizontal, Vertical};
        for shape @ [rows, columns, channels] in SHAPES {
            let before = picture_of(shape);
            let mirrored = |[vertical, horizontal]: [bool; 2]| -> Vec<f32> {
                let at = |i: usize| {
                    let (row, column) = (i / channels / columns, i / channels % columns);
                    let row = if vertical { rows - 1 - row } else { row };
                    let column = if horizontal { columns - 1 - column } else { column };
                    before[(row * columns + column) * channels + i % channels]
                };
                (0..before.len()).map(at).collect()
            };
            for (direction, expected) in [
                (Horizontal, vec![[false, false], [false, true]]),
                (Vertical, vec![[false, false], [true, false]]),
                (Both, vec![[false, false], [false, true], [true, false], [true, true]]),
            ] {
                let expected: Vec<_> = expected.into_iter().map(mirrored).collect();
                let mut counts = vec![0_i32; expected.len()];
                for sample in 0..400 {
                    let found = augmented(&Flip { direction }, shape, sample);
                    for (count, expected) in counts.iter_mut().zip(&expected) {
                        *count += i32::from(found == *expected);
                    }
                    assert!(expected.contains(&found), "{direction:?} {shape:?}");
                }
                // Standard deviation 10 of 200, 8.7 of 100. A picture of one row has fewer mirror images.
                let share = 400 / expected.len() as i32;
                let is_even = counts.iter().all(|count| (count - share).abs() < 50);
                assert!(is_even || rows == 1, "{direction:?} {shape:?}: {counts:?}");
            }
        }
    }
}
