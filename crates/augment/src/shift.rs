//! The picture moves by whole pixels, so that it stays as sharp as it is: each number from `−pixels` to `pixels` is equally
//! likely, for rows and for columns.

use nn::Pair;

use super::*;

settings! {
    /// See the [module](self).
    pub struct Shift {
        /// How far at most: 1 or more and below the picture's size; or `[down, right]`, of which one may be 0.
        pixels: Pair = 2.into(), |name, pixels: &Pair| {
            let (found, expected) = (pixels.sizes(), "1 or more, or [down, right]");
            require(found != [0, 0], name, format_args!("{found:?}"), expected)
        };
    }
}

impl Augment for Shift {
    fn check(&self, [rows, columns, _]: [usize; 3]) -> Result<(), InvalidSetting> {
        let [down, right] = self.pixels.sizes();
        let expected = format!("less than the {rows} rows and {columns} columns of a picture");
        let found = format_args!("[{down}, {right}]");
        require(down < rows && right < columns, "pixels", found, expected)
    }

    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        let offset = self.pixels.sizes().map(|most| {
            let most = most as u64;
            random.below(2 * most + 1) as f32 - most as f32
        });
        picture.map(AffineMap::shift(offset));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::augmented;
    use super::*;
    use crate::picture::testing::picture_of;

    #[test]
    fn every_shift_is_equally_likely_and_exact() {
        let (shape, kind) = ([5, 6, 2], Shift { pixels: [1, 2].into() });
        let before = picture_of(shape);
        let shifted = |down: usize, right: usize| {
            // A picture of 7 × 10 around it, from which another part is cut.
            let at = |i: usize| {
                let (row, column) = (i / 12 + down, i / 2 % 6 + right);
                let is_inside = (1..6).contains(&row) && (2..8).contains(&column);
                is_inside.then(|| before[((row - 1) * 6 + column - 2) * 2 + i % 2])
            };
            (0..60).map(|i| at(i).unwrap_or(0.0).to_bits()).collect::<Vec<_>>()
        };
        let all = (0..3).flat_map(|down| (0..5).map(move |right| (down, right)));
        let mut counts: BTreeMap<_, i32> =
            all.map(|(down, right)| (shifted(down, right), 0)).collect();
        assert_eq!(counts.len(), 15);
        for sample in 0..3000 {
            let found: Vec<u32> =
                augmented(&kind, shape, sample).into_iter().map(f32::to_bits).collect();
            *counts.get_mut(&found).expect("shifted by whole pixels") += 1;
        }
        // Standard deviation 14 of 200: 70 is five of them.
        assert!(counts.values().all(|count| (count - 200).abs() < 70), "{:?}", counts.values());
    }
}
