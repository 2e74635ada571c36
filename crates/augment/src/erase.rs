//! A rectangle of the picture becomes 0, the background.
//!
//! Its area is uniform between 2 % of the picture (less if `area` is) and `area`, its height divided by its width is
//! log-uniform from 0.3 to 3.3, and every place inside the picture is equally likely. A side that would be longer than the picture is
//! as long as the picture.
//!
//! Source: Zhong, Zheng, Kang, Li, Yang (2017), "Random erasing data augmentation", which fills the rectangle with noise
//! and draws again when it does not fit.

use kernels::Float;

use super::*;

/// The smallest area, a fraction of the picture.
const SMALLEST: f64 = 0.02;
/// The largest ratio of height to width, and of width to height.
const MOST_RATIO: f64 = 1.0 / 0.3;

settings! {
    /// See the [module](self).
    pub struct Erase {
        /// How often a rectangle is erased: above 0, at most 1.
        probability: f64 = 0.5, up_to(1.0);
        /// The largest area, a fraction of the picture: above 0, at most 1.
        area: f64 = 0.2, up_to(1.0);
    }
}

impl Erase {
    /// Height and width for a picture of this size.
    fn size(&self, size: [usize; 2], random: &mut Stream) -> [usize; 2] {
        let smallest = SMALLEST.min(self.area);
        let part = smallest + (self.area - smallest) * random.uniform();
        let area = part * (size[0] * size[1]) as f64;
        let ratio = Float::powf(MOST_RATIO, symmetric(random, 1.0));
        let [height, width] = [(area * ratio).sqrt(), (area / ratio).sqrt()];
        [(height, size[0]), (width, size[1])]
            .map(|(side, most)| (side.round() as usize).clamp(1, most))
    }
}

impl Augment for Erase {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        if random.uniform() >= self.probability {
            return;
        }
        let [rows, columns, channels] = picture.shape();
        let [height, width] = self.size([rows, columns], random);
        let [top, left] =
            [rows - height, columns - width].map(|most| random.below(most as u64 + 1) as usize);
        for row in picture.values().chunks_exact_mut(columns * channels).skip(top).take(height) {
            row[left * channels..][..width * channels].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{augmented, random};
    use super::*;
    use crate::picture::testing::{SHAPES, picture_of};

    #[test]
    fn one_rectangle_is_0_and_the_rest_as_it_was() {
        for shape @ [rows, columns, channels] in SHAPES {
            let before = picture_of(shape);
            let mut counts = [0, 0];
            for sample in 0..200 {
                let found = augmented(&Erase { probability: 0.75, area: 0.5 }, shape, sample);
                let is_erased = |pixel: &usize| {
                    let at = pixel * channels..(pixel + 1) * channels;
                    let is_same = found[at.clone()] == before[at.clone()];
                    assert!(is_same || found[at].iter().all(|&value| value == 0.0));
                    !is_same
                };
                let erased: Vec<usize> = (0..rows * columns).filter(is_erased).collect();
                counts[usize::from(!erased.is_empty())] += 1;
                let range = |of: &dyn Fn(&usize) -> usize| {
                    let each = || erased.iter().map(of);
                    each().max().map_or(0, |last| last - each().min().unwrap() + 1)
                };
                let area = range(&|pixel| pixel / columns) * range(&|pixel| pixel % columns);
                // A pixel that was 0 before seems to be left.
                let zeros = (0..rows * columns).filter(|pixel| {
                    before[pixel * channels..(pixel + 1) * channels]
                        .iter()
                        .all(|&value| value == 0.0)
                });
                assert!(erased.len() <= area && area <= erased.len() + zeros.count(), "{shape:?}");
            }
            // Standard deviation 6 of 150.
            assert!((120..=180).contains(&counts[1]), "{shape:?}: {counts:?}");
        }
    }

    #[test]
    fn area_and_ratio_reach_their_ends() {
        let kind = Erase { probability: 1.0, area: 0.2 };
        let sizes: Vec<_> = (0..2000).map(|i| kind.size([100, 100], &mut random(i))).collect();
        let areas = sizes.iter().map(|[height, width]| (height * width) as f64 / 1e4);
        let ratios = sizes.iter().map(|[height, width]| *height as f64 / *width as f64);
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold([f64::INFINITY, 0.0_f64], |[low, high], v| [low.min(v), high.max(v)])
        };
        let ([small, large], [flat, high]) =
            (range(&mut areas.clone()), range(&mut ratios.clone()));
        assert!(
            (0.018..0.022).contains(&small) && (0.195..0.205).contains(&large),
            "{small} {large}"
        );
        assert!((0.27..0.33).contains(&flat) && (3.1..3.6).contains(&high), "{flat} {high}");
        let mean = areas.sum::<f64>() / 2000.0;
        // Of a uniform area; standard deviation 0.0012.
        assert!((mean - 0.11).abs() < 0.006, "{mean}");
        let above = ratios.filter(|ratio| *ratio > 1.0).count();
        assert!((850..1150).contains(&above), "{above}");
    }
}
