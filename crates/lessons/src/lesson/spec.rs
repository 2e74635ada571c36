//! The file `lesson.toml` of a lesson: what both languages share.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Wording;
use crate::instruments::InstrumentKind;
use crate::text::Pass;

/// A lesson without its prose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonSpec {
    /// Its title.
    pub title: Wording,
    /// What it is about, in one line.
    pub about: Wording,
    /// What runs in it, by names that the prose refers to.
    #[serde(default)]
    pub instruments: BTreeMap<String, InstrumentSpec>,
    /// What it asks, by names that the prose refers to.
    #[serde(default)]
    pub questions: BTreeMap<String, QuestionSpec>,
    /// The numbers that it states, by names that the prose refers to.
    #[serde(default)]
    pub numbers: BTreeMap<String, StatedNumber>,
    /// Published experiments that `gradus lesson NAME --full` runs, by their names.
    #[serde(default)]
    pub full: BTreeMap<String, FullExperiment>,
}

/// A published experiment that a lesson runs in full. It takes minutes: only a command runs it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullExperiment {
    /// Where it was published, and what is measured.
    pub title: Wording,
    /// How the published numbers were measured.
    pub source: Wording,
    /// What runs it, with its values at first.
    pub instrument: InstrumentKind,
    /// The published numbers.
    pub published: Vec<PublishedNumbers>,
}

/// Published numbers of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedNumbers {
    /// What they are.
    pub name: Wording,
    /// The number of the instrument; of several published numbers `value_1`, `value_2`, ….
    pub value: String,
    /// As they are printed; `nan` for a number that is not finite.
    pub is: Vec<String>,
}

/// An instrument of a lesson.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentSpec {
    /// What stands above it.
    pub title: Option<Wording>,
    /// Its kind and settings.
    pub instrument: InstrumentKind,
    /// What this lesson changes of its controls, by their names.
    #[serde(default)]
    pub controls: BTreeMap<String, ControlSpec>,
}

/// What a lesson changes of a control.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlSpec {
    /// What it is called.
    pub label: Option<Wording>,
    /// Its value at first, as in a state.
    pub value: Option<String>,
    /// The least number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The step of its slider.
    pub step: Option<f64>,
    /// Whether it is hidden.
    pub hidden: bool,
}

/// A question: for a number (`value` or `is`), for one of `options`, or for the numbers of `boxes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuestionSpec {
    /// What is asked.
    pub ask: Option<Wording>,
    /// Whether it asks for a prediction, which is compared with the result where the instrument is shown.
    pub predicts: bool,
    /// The instrument of a prediction, where no value names it.
    pub of: Option<String>,
    /// The number: `instrument.value`.
    pub value: Option<String>,
    /// The number with the values at first, as it is stated.
    pub is: Option<String>,
    /// How far an answer may be off; a hundredth of the number if not given.
    pub within: Option<f64>,
    /// The unit of the number.
    pub unit: Option<Wording>,
    /// Known wrong numbers with what is said to them.
    pub wrong: Vec<WrongNumber>,
    /// The options of a choice.
    pub options: Vec<OptionSpec>,
    /// Which option is right, by the values of the options; without it those with `right`.
    pub pick: Option<Pick>,
    /// The boxes to fill in.
    pub boxes: Vec<BoxSpec>,
    /// The instrument whose graph has the boxes.
    pub figure: Option<String>,
    /// What is said to every answer, right or wrong.
    pub say: Option<Wording>,
    /// The rows of the table of sources that it shows.
    pub rows: Vec<String>,
}

/// A known wrong number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongNumber {
    /// The number, or `instrument.value`.
    pub is: String,
    /// What is said to it.
    pub say: Wording,
}

/// An option of a choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSpec {
    /// Its text.
    pub text: Wording,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
    /// What `pick` compares: `instrument.value`.
    pub value: Option<String>,
    /// What is said to it.
    pub say: Option<Wording>,
}

/// Which option is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// The one with the largest value.
    Largest,
    /// The one with the smallest value.
    Smallest,
}

/// A box to fill in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxSpec {
    /// Its name.
    pub name: String,
    /// What stands beside it.
    pub label: Wording,
    /// The number: `instrument.value`.
    pub value: String,
    /// The number with the values at first, as it is stated.
    pub is: String,
    /// Where it stands in the graph: what the edge comes from, and which of its numbers.
    pub edge: Option<String>,
    /// Which number of the edge.
    #[serde(default = "backward")]
    pub pass: Pass,
    /// The rule, said where the answer is wrong.
    pub say: Option<Wording>,
}

fn backward() -> Pass {
    Pass::Backward
}

/// A number that the prose states, and where it comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedNumber {
    /// As it is written, such as `0.0975`.
    pub is: String,
    /// What computes it: `instrument.value`.
    pub value: String,
    /// The values of controls of the instrument with which it is computed, by their names, if not those at first.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
    /// Whether its last digit is rounded. Otherwise it is exact, up to the rounding of `f64`.
    #[serde(default)]
    pub rounded: bool,
    /// How far the computed number may be off: of a trained network, whose numbers depend on the processor.
    pub within: Option<f64>,
    /// The rows of the table of sources that it shows.
    #[serde(default)]
    pub rows: Vec<String>,
}

impl StatedNumber {
    /// Whether a computed number is the stated one.
    pub fn agrees(&self, computed: f64) -> bool {
        let Some(stated) = parse_stated(&self.is) else { return false };
        if !stated.is_finite() || !computed.is_finite() {
            return stated == computed || stated.is_nan() && computed.is_nan();
        }
        let tolerance = match self.within {
            Some(within) => within,
            // Half a unit of the last digit; the rounding of f64 decides between two digits.
            None if self.rounded => unit(&self.is) * 0.500_001,
            None => 1e-9 * stated.abs().max(1e-3),
        };
        (stated - computed).abs() <= tolerance
    }
}

/// A number as it is stated: `7,850`, `1e-4`, `inf`.
pub(super) fn parse_stated(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

/// The unit of the last digit: 0.01 of `2.20`.
fn unit(text: &str) -> f64 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    10_f64.powi(exponent.parse::<i32>().unwrap_or(0) - decimals as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_number_agrees_as_far_as_it_says() {
        let number = |is: &str, rounded| StatedNumber {
            is: is.into(),
            value: "a.b".into(),
            with: BTreeMap::new(),
            rounded,
            within: None,
            rows: Vec::new(),
        };
        assert!(number("2.2", false).agrees(2.2 + 1e-12));
        assert!(!number("2.2", false).agrees(2.21));
        assert!(number("-0.53", true).agrees(-0.534_447));
        assert!(!number("-0.53", true).agrees(-0.5351));
        assert!(number("-6.11e-10", true).agrees(-6.111e-10));
        assert!(!number("-6.11e-10", true).agrees(-6.12e-10));
        assert!(number("7,850", false).agrees(7850.0) && !number("7,850", false).agrees(7851.0));
        assert!(number("inf", false).agrees(f64::INFINITY) && !number("inf", false).agrees(1e308));
        assert!(StatedNumber { within: Some(0.02), ..number("0.91", false) }.agrees(0.925));
    }
}
