//! The size of a validation or test set, and which training samples it takes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use data::Targets;
use kernels::random::philox;
use nn::registry::{InvalidSetting, require};
use serde::{Deserialize, Serialize};

/// What rows are drawn for. Every purpose has random draws of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowPurpose {
    /// `"vali"`.
    Validation = 0x7661_6c69,
    /// `"test"`.
    Test = 0x7465_7374,
    /// `"fold"`.
    Fold = 0x666f_6c64,
}

/// The size of a validation or test set, written as a whole number or as one between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number of samples or a fraction between 0 and 1")]
pub enum PartSize {
    /// Samples.
    Samples(usize),
    /// A fraction of the training set as it is read.
    Fraction(f64),
}

impl From<usize> for PartSize {
    fn from(samples: usize) -> Self {
        Self::Samples(samples)
    }
}

impl From<f64> for PartSize {
    fn from(fraction: f64) -> Self {
        Self::Fraction(fraction)
    }
}

impl PartSize {
    /// The samples, of `n` in all; a fraction is rounded to the nearest number, at least 1.
    pub fn samples_of(self, n: usize) -> usize {
        match self {
            Self::Samples(samples) => samples,
            Self::Fraction(fraction) => ((fraction * n as f64).round() as usize).max(1),
        }
    }

    pub(super) fn is_valid(name: &str, size: &Self) -> Result<(), InvalidSetting> {
        let (is_valid, found) = match *size {
            Self::Samples(samples) => (samples > 0, samples.to_string()),
            Self::Fraction(fraction) => (fraction > 0.0 && fraction < 1.0, format!("{fraction:?}")),
        };
        let expected = "a number of samples, 1 or more, or a fraction above 0 and below 1";
        require(is_valid, name, found, expected)
    }
}

/// Which training samples are the validation set.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValidationChoice {
    /// The last ones.
    Last,
    /// Drawn ones: of each class in proportion, of a regression from all.
    Drawn { seed: u64 },
}

/// `n` rows at random, ascending: with classes some of each class. A row is chosen by a random number of its own, so
/// that a larger validation set has all samples of a smaller one, as far as the shares of the classes allow. Fewer than
/// `n` if the last row of a class would be taken.
pub(super) fn drawn(targets: &Targets, n: usize, seed: u64, purpose: RowPurpose) -> Vec<usize> {
    let mut rows = rows_by_class(targets);
    let mut classes: Vec<&mut [usize]> =
        rows.chunk_by_mut(|&a, &b| class(targets, a) == class(targets, b)).collect();
    let sizes: Vec<usize> = classes.iter().map(|class| class.len()).collect();
    let mut chosen = Vec::new();
    for (class, share) in classes.iter_mut().zip(shares(&sizes, n)) {
        if share < class.len() {
            class.select_nth_unstable_by_key(share, |&row| random_place(row, seed, purpose));
        }
        chosen.extend_from_slice(&class[..share]);
    }
    chosen.sort_unstable();
    chosen
}

/// The rows of one of several folds, counted from 0, ascending: the rows of each class are dealt to the folds in a random
/// order, the next class where the one before has ended.
pub(super) fn fold(targets: &Targets, [number, of]: [usize; 2], seed: u64) -> Vec<usize> {
    let mut rows = rows_by_class(targets);
    for class in rows.chunk_by_mut(|&a, &b| class(targets, a) == class(targets, b)) {
        class.sort_unstable_by_key(|&row| random_place(row, seed, RowPurpose::Fold));
    }
    let mut chosen: Vec<usize> = rows.into_iter().skip(number).step_by(of).collect();
    chosen.sort_unstable();
    chosen
}

fn class(targets: &Targets, row: usize) -> u32 {
    match targets {
        Targets::Labels { values, .. } => values[row],
        Targets::Values { .. } => 0,
    }
}

/// All rows, those of a class one after the other. There may be many millions: nothing is copied beside them.
fn rows_by_class(targets: &Targets) -> Vec<usize> {
    let count = match targets {
        Targets::Labels { values, .. } => values.len(),
        Targets::Values { values, width } => values.len() / width,
    };
    let mut rows: Vec<usize> = (0..count).collect();
    rows.sort_by_key(|&row| class(targets, row));
    rows
}

/// Where a row stands in a random order of all rows.
fn random_place(row: usize, seed: u64, purpose: RowPurpose) -> (u64, usize) {
    let [low, high] = [row as u32, (row as u64 >> 32) as u32];
    let [a, b, ..] = philox([low, high, 0, purpose as u32], seed);
    (u64::from(a) << 32 | u64::from(b), row)
}

/// How many rows of each class are chosen, `n` in all: in proportion to their sizes, by the method of largest
/// remainders, but at least one of each class and never all of them, as far as that is possible.
fn shares(sizes: &[usize], n: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    // What a class lacks of its proportion, in rows times `total`. A class without a row comes before all others.
    let place = |class: usize, share: usize| {
        let lack = n as i128 * sizes[class] as i128 - share as i128 * total as i128;
        (share == 0, lack, Reverse(class))
    };
    let mut shares = vec![0; sizes.len()];
    let can_give = |class: usize, share: usize| share + 1 < sizes[class];
    let classes = (0..sizes.len()).filter(|&class| can_give(class, 0));
    let mut waiting: BinaryHeap<_> = classes.map(|class| place(class, 0)).collect();
    for _ in 0..n {
        let Some((.., Reverse(class))) = waiting.pop() else { break };
        shares[class] += 1;
        if can_give(class, shares[class]) {
            waiting.push(place(class, shares[class]));
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_largest_remainders_with_at_least_one_in_both_parts() {
        let cases: [(&[usize], usize, &[usize]); 9] = [
            (&[50, 30, 20], 10, &[5, 3, 2]),
            // 3.5, 2.1 and 1.4: the largest remainder is the first.
            (&[50, 30, 20], 7, &[4, 2, 1]),
            // Equal remainders: the first class.
            (&[10, 10, 10], 10, &[4, 3, 3]),
            // 9.8 and 0.1 twice: one of each.
            (&[98, 1 + 1, 2], 10, &[8, 1, 1]),
            // A class of two gives one, whatever its proportion is.
            (&[2, 8], 8, &[1, 7]),
            (&[2, 2, 2], 3, &[1, 1, 1]),
            // Impossible: as far as it is possible.
            (&[2, 2, 2], 2, &[1, 1, 0]),
            (&[1, 5], 3, &[0, 3]),
            (&[7], 9, &[6]),
        ];
        for (sizes, n, want) in cases {
            assert_eq!(shares(sizes, n), want, "{sizes:?} {n}");
        }
        // The definition, on many sizes: every share is its proportion, rounded down or up.
        for n in 10..90 {
            let sizes = [17, 1 + n % 40, 60, 31];
            let total: usize = sizes.iter().sum();
            let found = shares(&sizes, n);
            assert_eq!(found.iter().sum::<usize>(), n);
            for (share, size) in found.into_iter().zip(sizes).filter(|(_, size)| *size > 9) {
                let exact = n as f64 * size as f64 / total as f64;
                assert!((share as f64 - exact).abs() < 1.0 + 1e-9, "{n} {sizes:?} {share}");
            }
        }
    }

    #[test]
    fn every_sample_of_a_regression_is_drawn_about_equally_often() {
        let targets = Targets::Values { values: vec![0.0; 20], width: 2 };
        let mut counts = [0_i32; 10];
        for seed in 0..10_000 {
            drawn(&targets, 3, seed, RowPurpose::Test).into_iter().for_each(|row| counts[row] += 1);
        }
        // Standard deviation 46: 230 is five of them.
        assert!(counts.iter().all(|count| (count - 3000).abs() < 230), "{counts:?}");
    }

    #[test]
    fn folds_have_each_row_once_and_each_class_in_proportion() {
        let values: Vec<u32> = (0..103).map(|i| [0, 0, 1, 2, 0][i % 5]).collect();
        let targets = Targets::Labels { values: values.clone(), classes: 3 };
        for of in [2, 5, 7, 103] {
            let folds: Vec<_> = (0..of).map(|number| fold(&targets, [number, of], 4)).collect();
            let mut all = folds.concat();
            all.sort_unstable();
            assert_eq!(all, Vec::from_iter(0..103), "{of} folds");
            for rows in &folds {
                assert!(rows.is_sorted() && rows.len().abs_diff(103 / of) <= 1, "{of} folds");
                for class in 0..3 {
                    let of_class =
                        |rows: &mut dyn Iterator<Item = u32>| rows.filter(|&c| c == class).count();
                    let (all, found) = (
                        of_class(&mut values.iter().copied()),
                        of_class(&mut rows.iter().map(|&row| values[row])),
                    );
                    assert!(
                        found.abs_diff(all / of) <= 1,
                        "class {class}: {found} of {all} in one of {of}"
                    );
                }
            }
        }
        assert_ne!(fold(&targets, [0, 5], 4), fold(&targets, [0, 5], 5));
    }
}
