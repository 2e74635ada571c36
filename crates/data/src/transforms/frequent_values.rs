//! A feature for each value that many rows of the training part have: 1 in the rows with this value, else 0. The number
//! stays, and what follows in the list scales the new features as it scales those of categories.
//!
//! For amounts that are set rather than measured: most capital gains of the Adult data are 0, and 7,298 and 7,443 are near
//! each other, but mean the opposite.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellValues, ColumnValues, FitRows, FittedTransform, Fitting, MOST_FEATURES,
    TransformSettings,
};

/// The most features that it makes of a number.
const MOST_VALUES: usize = 4096;

/// A feature for each value that many rows have.
///
/// | setting | default | range |
/// |---|---|---|
/// | `share` | 0.001 | the rows that have the value, as a share of those with a number; 0.0005 to 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrequentValues {
    /// The least share of the rows that a value has.
    pub share: f64,
}

/// The values of the training part that are frequent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedFrequentValues {
    /// Those of each number, in order.
    pub values: Vec<Vec<f64>>,
}

impl Default for FrequentValues {
    fn default() -> Self {
        Self { share: 0.001 }
    }
}

impl TransformSettings for FrequentValues {
    fn name(&self) -> &'static str {
        "frequent_values"
    }

    fn check(&self) -> Result<(), String> {
        match (0.0005..=1.0).contains(&self.share) {
            true => Ok(()),
            false => Err(format!("share is {}, expected 0.0005 to 1", self.share)),
        }
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), String> {
        match shape {
            [] => Ok(()),
            _ => Err(format!("found arrays of shape {shape:?}, expected single numbers")),
        }
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let counts = input.open.iter().map(|_| FrequentCounts::default()).collect();
        Fitting::NeedsRows(Box::new(FrequentValuesRows { share: self.share, counts }))
    }
}

struct FrequentValuesRows {
    share: f64,
    counts: Vec<FrequentCounts>,
}

/// How often values were seen, in bounded memory: a value that is in more than one of `limit` rows is among them, and its
/// count is too small by at most one of `limit` rows (Misra and Gries, 1982).
#[derive(Default)]
struct FrequentCounts {
    counts: HashMap<u64, u64>,
    rows: u64,
}

impl FrequentCounts {
    fn add(&mut self, x: f64, limit: usize) {
        self.rows += 1;
        // 0 and −0 are one number.
        let key = (x + 0.0).to_bits();
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < limit {
            self.counts.insert(key, 1);
        } else {
            self.counts.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// In order.
    fn of_share(self, share: f64) -> Vec<f64> {
        let least = (share * self.rows as f64).ceil().max(2.0);
        let frequent = self.counts.into_iter().filter(|(_, count)| *count as f64 >= least);
        let mut values: Vec<f64> = frequent.map(|(bits, _)| f64::from_bits(bits)).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

impl FitRows for FrequentValuesRows {
    fn add(&mut self, open: &[f64], limit: usize) {
        let known = self.counts.iter_mut().zip(open).filter(|(_, x)| !x.is_nan());
        known.for_each(|(counts, &x)| counts.add(x, limit.clamp(MOST_VALUES, 1 << 20)));
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let values = self.counts.into_iter().map(|counts| counts.of_share(self.share)).collect();
        (FittedFrequentValues { values }.into(), None)
    }
}

impl ApplyTransform for FittedFrequentValues {
    fn output(&self, mut input: ColumnValues) -> Option<ColumnValues> {
        let are_bounded =
            |values: &Vec<f64>| values.len() <= MOST_VALUES && values.iter().all(|x| x.is_finite());
        let is_fitted = self.values.len() == input.open.len()
            && self.values.iter().all(are_bounded)
            && input.shape.is_empty();
        let of = input.open.iter().zip(&self.values);
        let names = of.flat_map(|(name, values)| values.iter().map(move |x| format!("{name}={x}")));
        let names: Vec<String> = names.take(MOST_FEATURES + 1).collect();
        input.open.extend(names);
        (is_fitted && input.open.len() <= MOST_FEATURES).then_some(input)
    }

    fn apply(&self, cell: &mut CellValues) {
        for (i, values) in self.values.iter().enumerate() {
            let x = cell.open[i];
            cell.open.extend(values.iter().map(|value| f64::from(u8::from(x == *value))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(share: f64, numbers: impl IntoIterator<Item = f64>, limit: usize) -> Vec<f64> {
        let mut counts = FrequentCounts::default();
        numbers.into_iter().for_each(|x| counts.add(x, limit));
        counts.of_share(share)
    }

    #[test]
    fn values_of_a_share_of_the_rows_are_found_in_order() {
        let numbers = [3.0, -1.0, 3.0, 0.0, 7.0, -0.0, 3.0, 5.0, -1.0, 9.0];
        assert_eq!(fitted(0.2, numbers, 100), [-1.0, 0.0, 3.0]);
        assert_eq!(fitted(0.3, numbers, 100), [3.0]);
        assert_eq!(fitted(0.31, numbers, 100), [0.0; 0]);
        assert_eq!(fitted(0.0005, numbers, 100), [-1.0, 0.0, 3.0], "what is there once is rare");
        assert_eq!(fitted(0.5, [], 100), [0.0; 0]);
    }

    #[test]
    fn a_frequent_value_is_found_among_more_values_than_are_kept() {
        let numbers = (0..30_000).map(|i| if i % 3 == 0 { 7298.0 } else { f64::from(i) });
        assert_eq!(fitted(0.3, numbers, 50), [7298.0]);
    }

    #[test]
    fn numbers_stay_and_each_frequent_value_is_a_feature() {
        let fitted = FittedFrequentValues { values: vec![vec![0.0, 7298.0], vec![4.0]] };
        for (x, features) in
            [(0.0, [1.0, 0.0, 1.0]), (7298.0, [0.0, 1.0, 1.0]), (7299.0, [0.0, 0.0, 1.0])]
        {
            let mut cell = CellValues { open: vec![x, 4.0], finished: vec![0.5] };
            fitted.apply(&mut cell);
            assert_eq!((cell.open[0], &cell.open[2..], cell.finished.len()), (x, &features[..], 1));
        }
    }
}
