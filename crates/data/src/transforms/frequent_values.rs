//! A feature for each value that many rows of the training part have: 1 in the rows with this value, else 0. The number
//! stays, and what follows in the list changes the new features too.
//!
//! For amounts that are fixed rather than measured: most capital gains of the Adult data are 0, and 7,298 and 7,443 are near
//! each other, but mean the opposite. Before `impute`, so that a missing cell has no value. Values are compared as `f32`, as
//! programs may give them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FitRows, FittedTransform, Fitting,
    MOST_FEATURES, TransformSettings,
};

/// The least share of the rows that a value can be asked to have.
const LEAST_SHARE: f64 = 0.0005;
/// The most features of a number: one for each value of that share.
const MOST_VALUES: usize = 2000;
/// Values that are counted for each that can be frequent.
const COUNTED: f64 = 16.0;

/// A feature for each value that many rows have.
///
/// | setting | default | range |
/// |---|---|---|
/// | `share` | 0.001 | the least share of the rows with a number that have the value; 0.0005 to 1 |
///
/// A value that one row has is not frequent. Of more than `16 / share` different numbers some may count as frequent that
/// 15/16 of that share have; fewer numbers are kept where a table has thousands of columns.
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
    pub values: Vec<Vec<f32>>,
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
        match (LEAST_SHARE..=1.0).contains(&self.share) {
            true => Ok(()),
            false => Err(format!("share is {}, expected {LEAST_SHARE} to 1", self.share)),
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

/// How often values were seen, in bounded memory: a value that is in more than one of `limit` rows is counted, and its count
/// is too small by at most `lost` (Misra and Gries, 1982).
#[derive(Default)]
struct FrequentCounts {
    counts: HashMap<u32, u64>,
    lost: u64,
    rows: u64,
}

impl FrequentCounts {
    /// Counts a number; NaN and what is infinite as `f32` are none.
    fn add(&mut self, x: f64, limit: usize) {
        let x = x as f32;
        if !x.is_finite() {
            return;
        }
        self.rows += 1;
        // 0 and −0 are one number.
        let key = (x + 0.0).to_bits();
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < limit {
            self.counts.insert(key, 1);
        } else {
            self.lost += 1;
            self.counts.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
        }
    }

    /// In order.
    fn of_share(self, share: f64) -> Vec<f32> {
        let is_frequent = |count: u64| {
            let most = count + self.lost;
            count > 1 && most as f64 / self.rows as f64 >= share
        };
        let frequent = self.counts.into_iter().filter(|(_, count)| is_frequent(*count));
        let mut values: Vec<f32> = frequent.map(|(bits, _)| f32::from_bits(bits)).collect();
        values.sort_by(f32::total_cmp);
        values
    }
}

impl FitRows for FrequentValuesRows {
    fn add(&mut self, open: &[f64], limit: usize) {
        // An entry takes four times the memory of a number.
        let limit = (limit as f64 / 4.0).clamp(2.0 / self.share, COUNTED / self.share) as usize;
        self.counts.iter_mut().zip(open).for_each(|(counts, &x)| counts.add(x, limit));
    }

    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>) {
        let values = self.counts.into_iter().map(|counts| counts.of_share(self.share)).collect();
        (FittedFrequentValues { values }.into(), None)
    }
}

impl ApplyTransform for FittedFrequentValues {
    fn output(&self, mut input: ColumnValues) -> Option<ColumnValues> {
        let are_bounded =
            |values: &Vec<f32>| values.len() <= MOST_VALUES && values.iter().all(|x| x.is_finite());
        let features = input.open.len() + self.values.iter().map(Vec::len).sum::<usize>();
        let is_fitted = input.content == CellContent::Number
            && input.shape.is_empty()
            && self.values.len() == input.open.len()
            && self.values.iter().all(are_bounded)
            && features <= MOST_FEATURES;
        if !is_fitted {
            return None;
        }
        let of = input.open.iter().zip(&self.values);
        let names = of.flat_map(|(name, values)| values.iter().map(move |x| format!("{name}={x}")));
        let names: Vec<String> = names.collect();
        input.open.extend(names);
        Some(input)
    }

    fn apply(&self, cell: &mut CellValues) {
        for (i, values) in self.values.iter().enumerate() {
            let x = cell.open[i] as f32;
            cell.open.extend(values.iter().map(|value| f64::from(u8::from(x == *value))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(share: f64, numbers: impl IntoIterator<Item = f64>, limit: usize) -> Vec<f32> {
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
        assert_eq!(fitted(0.0005, numbers, 100), [-1.0, 0.0, 3.0], "one row is not several");
        let of_a_hundred = (0..100).map(|i| if i < 7 { 0.1 } else { 1.0 + f64::from(i) });
        assert_eq!(fitted(0.07, of_a_hundred, 100), [0.1]);
        let missing = [f64::NAN, f64::INFINITY, 1e300, f64::NAN, f64::INFINITY, 2.0, 2.0];
        assert_eq!(fitted(0.9, missing, 100), [2.0], "of the rows with a number");
        assert_eq!(fitted(0.5, [], 100), [0.0; 0]);
    }

    #[test]
    fn frequent_values_are_found_among_more_values_than_are_counted() {
        let numbers = |i: u32| match i % 3 {
            0 => 7298.0,
            1 if i < 12_000 => 7443.0,
            _ => f64::from(i),
        };
        // 10,000 and 4,000 of 30,000 rows, whose counts may be too small by a fiftieth of the rows.
        assert_eq!(fitted(0.13, (0..30_000).map(numbers), 50), [7298.0, 7443.0]);
    }

    #[test]
    fn numbers_stay_and_each_frequent_value_is_a_feature() {
        let fitted = FittedFrequentValues { values: vec![vec![0.1, 7298.0], vec![4.0]] };
        let cases = [
            (0.1, [1.0, 0.0, 1.0]),
            (f64::from(0.1_f32), [1.0, 0.0, 1.0]),
            (7298.0, [0.0, 1.0, 1.0]),
            (7299.0, [0.0, 0.0, 1.0]),
        ];
        for (x, features) in cases {
            let mut cell = CellValues { open: vec![x, 4.0], finished: vec![0.5] };
            fitted.apply(&mut cell);
            assert_eq!((cell.open[0], &cell.open[2..], cell.finished.len()), (x, &features[..], 1));
        }
    }

    #[test]
    fn saved_values_that_do_not_fit_their_column_are_refused() {
        let input = |content, open: &[&str], shape: &[usize]| ColumnValues {
            content,
            open: open.iter().map(|name| (*name).to_owned()).collect(),
            shape: shape.to_vec(),
            finished: Vec::new(),
            categories: Vec::new(),
            has_missing: false,
            is_bytes: false,
        };
        let of = |values: &[f32]| FittedFrequentValues { values: vec![values.to_vec()] };
        let number = || input(CellContent::Number, &["x"], &[]);
        assert_eq!(of(&[1.5]).output(number()).unwrap().open, ["x", "x=1.5"]);
        for (fitted, input) in [
            (of(&[f32::NAN]), number()),
            (of(&[0.0; MOST_VALUES + 1]), number()),
            (of(&[]), input(CellContent::Number, &["x", "z"], &[])),
            (of(&[-1.0]), input(CellContent::Category, &["x"], &[])),
            (of(&[0.0]), input(CellContent::Date, &["x"], &[])),
            (of(&[0.0]), input(CellContent::Number, &["x[0]"], &[1])),
        ] {
            assert_eq!(fitted.output(input), None, "{fitted:?}");
        }
    }
}
