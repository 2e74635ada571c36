//! Ranges of settings, and what trials draw from them.

use kernels::random::{below, philox};
use nn::registry::{InvalidSetting, require};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Value;

/// Random draws of settings: `"tune"`. Every purpose has its own.
const TUNE: u32 = 0x7475_6e65;

/// The values that a setting may have in a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TuneRange {
    /// Numbers between two above 0, whose logarithms are equally likely.
    Log(#[serde(deserialize_with = "two")] [f64; 2]),
    /// Numbers between two, all equally likely.
    Uniform(#[serde(deserialize_with = "two")] [f64; 2]),
    /// Whole numbers from the first to the second, both included.
    Whole(#[serde(deserialize_with = "two")] [i64; 2]),
    /// Some values, of any kind.
    Choice(Vec<Value>),
}

/// Reads two numbers: of a longer list, an array would take the first two.
fn two<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[T; 2], D::Error> {
    let wrong = |found: Vec<T>| D::Error::invalid_length(found.len(), &"two numbers");
    Vec::deserialize(deserializer)?.try_into().map_err(wrong)
}

impl TuneRange {
    /// An error unless there is something to choose; `path` is the setting.
    pub(super) fn check(&self, path: &str) -> Result<(), InvalidSetting> {
        let (is_valid, found, expected) = match self {
            Self::Log([low, high]) => (
                0.0 < *low && low < high && high.is_finite(),
                format!("[{low}, {high}]"),
                "two numbers above 0, the second the larger one",
            ),
            Self::Uniform([low, high]) => (
                low < high && (high - low).is_finite(),
                format!("[{low}, {high}]"),
                "two numbers, the second the larger one",
            ),
            Self::Whole([low, high]) => (
                low < high,
                format!("[{low}, {high}]"),
                "two whole numbers, the second the larger one",
            ),
            Self::Choice(values) => (!values.is_empty(), "none".to_owned(), "one value or more"),
        };
        require(is_valid, path, found, expected)
    }

    /// The values at its ends, or all of a choice: if a setting accepts them, it accepts those between.
    pub fn ends(&self) -> Vec<Value> {
        match self {
            Self::Log(ends) | Self::Uniform(ends) => ends.map(Value::from).into(),
            Self::Whole(ends) => ends.map(Value::from).into(),
            Self::Choice(values) => values.clone(),
        }
    }

    /// What the trial with this number draws for the setting `path`. It depends on nothing else, so that other ranges and
    /// more trials change nothing.
    pub fn draw(&self, path: &str, seed: u64, trial: usize) -> Value {
        let hash = hash(path);
        let words = philox([trial as u32, hash as u32, (hash >> 32) as u32, TUNE], seed);
        let bits = u64::from(words[0]) << 32 | u64::from(words[1]);
        let unit = (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
        let between = |low: f64, high: f64| low + (high - low) * unit;
        match self {
            Self::Log([low, high]) => {
                short(between(low.ln(), high.ln()).exp()).clamp(*low, *high).into()
            }
            Self::Uniform([low, high]) => short(between(*low, *high)).clamp(*low, *high).into(),
            Self::Whole([low, high]) => {
                let count = high.wrapping_sub(*low).cast_unsigned().saturating_add(1);
                low.wrapping_add(below(bits, count).cast_signed()).into()
            }
            Self::Choice(values) => values[below(bits, values.len() as u64) as usize].clone(),
        }
    }
}

/// A value as it is shown: a text without quotes, a number with an exponent where that is shorter.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}

/// The number with six digits: enough to choose from, short to read, and the same whatever the last bits of a logarithm
/// are on a machine.
fn short(value: f64) -> f64 {
    format!("{value:.5e}").parse().expect("a number that was just written")
}

/// FNV-1a, for texts that nobody chooses to collide: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(range: &TuneRange) -> Vec<Value> {
        (1..=4000).map(|trial| range.draw("train.x", 7, trial)).collect()
    }

    fn numbers(range: &TuneRange) -> Vec<f64> {
        let mut numbers: Vec<f64> =
            draws(range).iter().map(|value| value.as_float().unwrap()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }

    /// Of 4,000 uniform draws a quantile lies within five standard deviations, `5 · √(p(1 − p) / 4000)`, at most 0.04.
    const TOLERANCE: f64 = 0.04;

    #[test]
    fn numbers_are_uniform_by_themselves_or_by_their_logarithm_and_reach_both_ends() {
        let uniform = numbers(&TuneRange::Uniform([-1.0, 3.0]));
        let log = numbers(&TuneRange::Log([1e-8, 1e-4]));
        for share in [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0] {
            let at = ((uniform.len() - 1) as f64 * share) as usize;
            assert!(((uniform[at] + 1.0) / 4.0 - share).abs() < TOLERANCE, "{share}");
            assert!(((log[at].log10() + 8.0) / 4.0 - share).abs() < TOLERANCE, "{share}");
        }
        assert!(uniform[0] >= -1.0 && uniform[0] < -0.99 && uniform[3999] <= 3.0);
        assert!(log[0] >= 1e-8 && log[0] < 1.02e-8 && log[3999] <= 1e-4 && log[3999] > 0.98e-4);
    }

    #[test]
    fn whole_numbers_and_choices_are_all_drawn_equally_often() {
        let choice = TuneRange::Choice(["a", "b", "c", "d"].map(Value::from).into());
        let whole = TuneRange::Whole([-1, 2]);
        for range in [choice, whole] {
            let drawn = draws(&range);
            let ends: Vec<Value> = match &range {
                TuneRange::Whole([low, high]) => (*low..=*high).map(Value::from).collect(),
                range => range.ends(),
            };
            for value in &ends {
                let share = drawn.iter().filter(|other| *other == value).count() as f64 / 4000.0;
                assert!((share - 0.25).abs() < TOLERANCE, "{value}: {share}");
            }
            assert!(drawn.iter().all(|value| ends.contains(value)));
        }
        let all = TuneRange::Whole([i64::MIN, i64::MAX]);
        assert!(draws(&all).iter().any(|value| value.as_integer() < Some(0)));
    }

    #[test]
    fn a_draw_depends_on_seed_trial_and_path_only() {
        let range = TuneRange::Uniform([0.0, 1.0]);
        let known = range.draw("train.l2", 0, 1);
        assert_eq!(range.draw("train.l2", 0, 1), known);
        for (path, seed, trial) in [("train.l1", 0, 1), ("train.l2", 1, 1), ("train.l2", 0, 2)] {
            assert_ne!(range.draw(path, seed, trial), known, "{path} {seed} {trial}");
        }
    }

    #[test]
    fn a_range_without_choice_is_refused() {
        for (range, message) in [
            (
                TuneRange::Log([0.0, 1.0]),
                "expected two numbers above 0, the second the larger one, found [0, 1]",
            ),
            (
                TuneRange::Log([1.0, f64::INFINITY]),
                "expected two numbers above 0, the second the larger one, found [1, inf]",
            ),
            (
                TuneRange::Uniform([1.0, 1.0]),
                "expected two numbers, the second the larger one, found [1, 1]",
            ),
            (
                TuneRange::Uniform([f64::NAN, 1.0]),
                "expected two numbers, the second the larger one, found [NaN, 1]",
            ),
            (
                TuneRange::Whole([3, 2]),
                "expected two whole numbers, the second the larger one, found [3, 2]",
            ),
            (TuneRange::Choice(Vec::new()), "expected one value or more, found none"),
        ] {
            assert_eq!(range.check("x").unwrap_err().to_string(), format!("x: {message}"));
        }
    }
}
