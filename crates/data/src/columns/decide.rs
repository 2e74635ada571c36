//! Decides what a column is used as, from counts.
//!
//! | column | used as |
//! |---|---|
//! | one value | constant |
//! | numbers of a feature | number; identifier if they count the rows; category if the name says that they are codes |
//! | numbers of a target | category if there are two, or few whole ones for the rows there are; else number |
//! | texts | category; identifier if most differ |

use super::kind::ColumnKind;

/// Whether a column is predicted or helps to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnUse {
    /// The column that is predicted.
    Target,
    /// Any other.
    Feature,
}

/// The most different whole numbers of a target that are classes, wherever they begin.
const FEW: usize = 20;
/// The most that are classes if they are counted from 0 or 1 without a gap.
const MANY: usize = 100;
/// Rows that a class of whole numbers has on average; with fewer the numbers are quantities.
const ROWS_PER_CLASS: usize = 5;
/// The most different numbers of a feature of which each may mean something of its own.
const MOST_FREQUENT: usize = 256;
/// Rows that such a number has, at least, by the median.
const ROWS_PER_VALUE: usize = 5;
/// The least median gap between such numbers, in steps; a step is the greatest common divisor of all gaps.
const STEPS_PER_GAP: f64 = 8.0;
/// Rows from which on texts that mostly differ are identifiers.
const ENOUGH_ROWS: usize = 20;

/// Words of a name that say that its numbers identify rows.
const IDENTIFIERS: [&str; 4] = ["id", "uuid", "key", "index"];
/// Words of a name that say that its numbers stand for something.
const CODES: [&str; 6] = ["class", "label", "code", "zip", "type", "category"];

/// What is known of the numbers of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberEvidence {
    /// Cells with a value.
    pub(super) known: usize,
    /// How many different numbers there are, and their range; none if they are too many to be counted.
    pub(super) distinct: Option<(usize, [f64; 2])>,
    /// Whether all are whole.
    pub(super) whole: bool,
    /// Whether each is one more than the one before, and the first is 0 or 1.
    pub(super) counts_rows: bool,
}

/// What a column of numbers, with more than one value, is used as, and why.
pub(super) fn kind_of_numbers(
    name: &str,
    column_use: ColumnUse,
    evidence: NumberEvidence,
) -> (ColumnKind, String) {
    let NumberEvidence { known, distinct, whole, counts_rows } = evidence;
    let numbers = if whole { "whole numbers" } else { "numbers" };
    let Some((n, [low, high])) = distinct else {
        let reason = format!("more different {numbers} than are counted");
        let is_identifier = column_use == ColumnUse::Feature && whole && counts_rows;
        return match is_identifier {
            true => (ColumnKind::Identifier, "counts the rows".to_owned()),
            false => (ColumnKind::Number, reason),
        };
    };
    let values = format!("{n} different {numbers} from {low} to {high}");
    if column_use == ColumnUse::Target {
        let no_gap = (low == 0.0 || low == 1.0) && high - low + 1.0 == n as f64;
        let few = n <= FEW || (n <= MANY && no_gap);
        return match (whole, n) {
            (true, 2) => {
                (ColumnKind::WholeCategory, format!("two whole numbers, {low} and {high}"))
            }
            (true, _) if few && known >= n * ROWS_PER_CLASS => {
                (ColumnKind::WholeCategory, format!("{values} in {known} rows: classes"))
            }
            (true, _) if few => {
                (ColumnKind::Number, format!("{values} in {known} rows: too few rows for classes"))
            }
            _ => (ColumnKind::Number, values),
        };
    }
    let all_differ = n == known;
    if whole && all_differ && counts_rows && known > 2 {
        return (ColumnKind::Identifier, format!("counts the rows from {low} to {high}"));
    }
    if whole && all_differ && says(name, &IDENTIFIERS) {
        return (ColumnKind::Identifier, format!("all differ, and it is called `{name}`"));
    }
    if whole && n <= MANY && says(name, &CODES) {
        return (ColumnKind::WholeCategory, format!("{values}, and it is called `{name}`"));
    }
    (ColumnKind::Number, values)
}

/// Whether many whole numbers, given in order with their rows, are in several rows each and far from one another, by the
/// medians. A network learns little from the size of such numbers: 7,298 and 7,443 are near each other, and may mean the
/// opposite.
pub(super) fn have_frequent_values(distinct: &[(f64, usize)]) -> bool {
    let n = distinct.len();
    if n <= FEW || n > MOST_FREQUENT {
        return false;
    }
    let mut rows: Vec<usize> = distinct.iter().map(|(_, rows)| *rows).collect();
    let mut gaps: Vec<f64> = distinct.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    if !gaps.iter().all(|gap| gap.is_finite()) {
        return false;
    }
    // Of salaries in thousands the gaps are thousands too.
    let step = gaps.iter().copied().fold(0.0, greatest_common_divisor);
    rows.sort_unstable();
    gaps.sort_by(f64::total_cmp);
    rows[n / 2] >= ROWS_PER_VALUE && gaps[n / 2 - 1] >= STEPS_PER_GAP * step
}

/// Of two finite whole numbers.
fn greatest_common_divisor(mut a: f64, mut b: f64) -> f64 {
    while b > 0.0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What a column of texts, with more than one value, is used as, and why. `distinct` is none if there are more texts
/// than are counted.
pub(super) fn kind_of_texts(
    name: &str,
    column_use: ColumnUse,
    known: usize,
    distinct: Option<usize>,
) -> (ColumnKind, String) {
    let Some(n) = distinct else {
        return (ColumnKind::Identifier, "more different texts than are counted".to_owned());
    };
    let values = format!("{n} different texts in {known} rows");
    let mostly_differ = known >= ENOUGH_ROWS && n * 2 > known;
    let is_named = n == known && says(name, &IDENTIFIERS);
    match column_use == ColumnUse::Feature && (mostly_differ || is_named) {
        true => (ColumnKind::Identifier, values),
        false => (ColumnKind::Category, values),
    }
}

/// Whether a word of a name is one of `words`.
fn says(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnUse::{Feature, Target};

    fn numbers(
        name: &str,
        column_use: ColumnUse,
        n: usize,
        range: [f64; 2],
        known: usize,
    ) -> ColumnKind {
        let distinct = Some((n, range));
        let evidence = NumberEvidence { known, distinct, whole: true, counts_rows: false };
        kind_of_numbers(name, column_use, evidence).0
    }

    #[test]
    fn whole_numbers_of_a_target_are_classes_if_they_are_few_for_the_rows() {
        let cases = [
            (2, [16_777_216.0, 16_777_217.0], 2, ColumnKind::WholeCategory),
            (7, [3.0, 9.0], 4898, ColumnKind::WholeCategory),
            (7, [3.0, 9.0], 30, ColumnKind::Number),
            (26, [1.0, 26.0], 20_000, ColumnKind::WholeCategory),
            (26, [1.0, 27.0], 20_000, ColumnKind::Number),
            (62, [0.0, 61.0], 100_000, ColumnKind::WholeCategory),
            (214, [25.0, 346.0], 442, ColumnKind::Number),
            (900, [0.0, 899.0], 100_000, ColumnKind::Number),
        ];
        for (n, range, known, kind) in cases {
            assert_eq!(numbers("y", Target, n, range, known), kind, "{n} of {range:?}");
        }
    }

    #[test]
    fn whole_numbers_of_a_feature_are_quantities_unless_their_name_says_otherwise() {
        assert_eq!(numbers("floors", Feature, 7, [1.0, 7.0], 500), ColumnKind::Number);
        assert_eq!(numbers("Zip-code", Feature, 7, [1.0, 7.0], 500), ColumnKind::WholeCategory);
        assert_eq!(numbers("encoded", Feature, 7, [1.0, 7.0], 500), ColumnKind::Number);
        assert_eq!(numbers("customer_id", Feature, 500, [7.0, 9e6], 500), ColumnKind::Identifier);
        assert_eq!(numbers("customer_id", Feature, 400, [7.0, 9e6], 500), ColumnKind::Number);
        let distinct = Some((150, [1.0, 150.0]));
        let evidence = NumberEvidence { known: 150, distinct, whole: true, counts_rows: true };
        assert_eq!(kind_of_numbers("", Feature, evidence).0, ColumnKind::Identifier);
        assert_eq!(kind_of_numbers("", Target, evidence).0, ColumnKind::Number);
    }

    #[test]
    fn values_are_frequent_if_they_have_large_gaps_and_are_each_in_several_rows() {
        let in_steps = |n: i32, first: f64, step: f64| -> Vec<(f64, usize)> {
            (0..n).map(|i| (first + step * f64::from(i), 300)).collect()
        };
        let irregular = |n: u32, rows: usize| -> Vec<(f64, usize)> {
            (0..n)
                .map(|i| (f64::from(i * i * 7 + i * 11), if i == 0 { 30_000 } else { rows }))
                .collect()
        };
        assert!(have_frequent_values(&irregular(119, 23)));
        for few_enough in [irregular(119, 5), irregular(21, 5), irregular(256, 5)] {
            assert!(have_frequent_values(&few_enough));
        }
        let with_gaps = |gap: f64| {
            let mut values = in_steps(40, 0.0, gap);
            values.push((40.0 * gap + 1.0, 5));
            have_frequent_values(&values)
        };
        assert_eq!([7.0, 8.0].map(with_gaps), [false, true]);
        let mut beyond = vec![(-f64::MAX, 5)];
        beyond.extend((1..40).map(|i| (1e300 * f64::from(i), 5)));
        assert!(!have_frequent_values(&beyond), "gaps beyond all numbers");
        assert!(!have_frequent_values(&irregular(119, 4)), "too few rows of each");
        assert!(!have_frequent_values(&irregular(20, 23)), "too few");
        assert!(!have_frequent_values(&irregular(257, 23)), "too many");
        assert!(!have_frequent_values(&in_steps(90, 17.0, 1.0)), "no gaps");
        assert!(!have_frequent_values(&in_steps(90, 20e3, 1e3)), "steps of a thousand");
        let mut outliers = in_steps(60, -30.0, 1.0);
        outliers.extend((1..51).map(|i| (1_000.0 * f64::from(i), 1)));
        assert!(!have_frequent_values(&outliers), "quantities with outliers");
        let below_zero: Vec<_> =
            irregular(119, 23).iter().rev().map(|one| (-one.0, one.1)).collect();
        assert!(have_frequent_values(&below_zero));
    }

    #[test]
    fn texts_that_mostly_differ_are_identifiers() {
        let kind =
            |column_use, known, distinct| kind_of_texts("name", column_use, known, distinct).0;
        assert_eq!(kind(Feature, 100, Some(50)), ColumnKind::Category);
        assert_eq!(kind(Feature, 100, Some(51)), ColumnKind::Identifier);
        assert_eq!(kind(Feature, 4, Some(4)), ColumnKind::Category);
        assert_eq!(kind(Feature, 4_000_000, None), ColumnKind::Identifier);
        assert_eq!(kind(Target, 100, Some(51)), ColumnKind::Category);
    }
}
