//! What a reader can change: the controls of an instrument.

use serde::Serialize;

use crate::figure::AxisScale;
use crate::text::number;

/// A value that the reader can change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control {
    /// Its name within the instrument.
    pub name: String,
    /// Its name in the state of a lesson.
    pub key: String,
    /// What it is, in the reader's language.
    pub label: String,
    /// Whether the state hides it.
    pub hidden: bool,
    /// Its kind, range and value.
    #[serde(flatten)]
    pub input: ControlInput,
}

/// The kinds of controls.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ControlInput {
    /// A number.
    Number {
        /// The value.
        value: f64,
        /// The least.
        min: f64,
        /// The largest.
        max: f64,
        /// The step of a slider.
        step: Option<f64>,
        /// Whether only whole numbers are taken.
        whole: bool,
        /// The scale of a slider.
        scale: AxisScale,
    },
    /// One of some options.
    Choice {
        /// The value of the chosen one.
        value: String,
        /// All of them.
        options: Vec<ChoiceOption>,
    },
    /// A line of text.
    Text {
        /// The text.
        value: String,
        /// Bytes at most.
        max_length: usize,
    },
    /// Some numbers in a row.
    Numbers {
        /// The values.
        value: Vec<f64>,
        /// The least of each.
        min: f64,
        /// The largest of each.
        max: f64,
        /// How many at least.
        least: usize,
        /// How many at most.
        most: usize,
    },
    /// The seed of random numbers.
    Seed {
        /// The seed. Those of a page are whole numbers that JavaScript has.
        value: u64,
    },
}

/// An option of a choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChoiceOption {
    /// In the state.
    pub value: String,
    /// In the reader's language.
    pub label: String,
}

/// Seeds at most: what JavaScript counts exactly.
const MAX_SEED: u64 = 1 << 53;

impl Control {
    fn new(name: &str, label: &str, input: ControlInput) -> Self {
        let (name, label) = (name.to_owned(), label.to_owned());
        Self { key: name.clone(), name, label, hidden: false, input }
    }

    /// A number in a range.
    pub fn number(name: &str, label: &str, value: f64, [min, max]: [f64; 2]) -> Self {
        let (step, whole, scale) = (None, false, AxisScale::Linear);
        Self::new(name, label, ControlInput::Number { value, min, max, step, whole, scale })
    }

    /// A whole number in a range.
    pub fn whole(name: &str, label: &str, value: usize, [min, max]: [usize; 2]) -> Self {
        Self::number(name, label, value as f64, [min as f64, max as f64]).whole_numbers()
    }

    /// Numbers in a row.
    pub fn numbers(
        name: &str,
        label: &str,
        value: &[f64],
        [min, max]: [f64; 2],
        [least, most]: [usize; 2],
    ) -> Self {
        let value = value.to_vec();
        Self::new(name, label, ControlInput::Numbers { value, min, max, least, most })
    }

    /// One of some options: value and label of each.
    pub fn choice(name: &str, label: &str, value: &str, options: &[(&str, &str)]) -> Self {
        let option = |&(value, label): &(&str, &str)| ChoiceOption {
            value: value.to_owned(),
            label: label.to_owned(),
        };
        let options = options.iter().map(option).collect();
        Self::new(name, label, ControlInput::Choice { value: value.to_owned(), options })
    }

    /// A line of text.
    pub fn text(name: &str, label: &str, value: &str, max_length: usize) -> Self {
        Self::new(name, label, ControlInput::Text { value: value.to_owned(), max_length })
    }

    /// The seed of random numbers, called `seed`.
    pub fn seed(label: &str, value: u64) -> Self {
        Self::new("seed", label, ControlInput::Seed { value })
    }

    /// The same number with a step.
    #[must_use]
    pub fn step(mut self, new: f64) -> Self {
        if let ControlInput::Number { step, .. } = &mut self.input {
            *step = Some(new);
        }
        self
    }

    /// The same number, which is to be whole.
    #[must_use]
    pub fn whole_numbers(mut self) -> Self {
        if let ControlInput::Number { step, whole, .. } = &mut self.input {
            (*step, *whole) = (Some(1.0), true);
        }
        self
    }

    /// The same number on a logarithmic slider.
    #[must_use]
    pub fn log(mut self) -> Self {
        if let ControlInput::Number { scale, .. } = &mut self.input {
            *scale = AxisScale::Log;
        }
        self
    }

    /// The value as it stands in a state.
    pub fn value_text(&self) -> String {
        match &self.input {
            ControlInput::Number { value, .. } => value.to_string(),
            ControlInput::Choice { value, .. } | ControlInput::Text { value, .. } => value.clone(),
            ControlInput::Numbers { value, .. } => {
                value.iter().map(f64::to_string).collect::<Vec<_>>().join(",")
            }
            ControlInput::Seed { value } => value.to_string(),
        }
    }

    /// The value as a number, of those that are one.
    pub fn as_number(&self) -> Option<f64> {
        match self.input {
            ControlInput::Number { value, .. } => Some(value),
            ControlInput::Seed { value } => Some(value as f64),
            _ => None,
        }
    }

    /// Takes a value as it stands in a state.
    ///
    /// # Errors
    ///
    /// What was expected, in words.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let expected = self.expected();
        let taken = match &mut self.input {
            ControlInput::Number { value, min, max, whole, .. } => parse_number(text)
                .filter(|new| (*min..=*max).contains(new) && !(*whole && new.fract() != 0.0))
                .map(|new| *value = new),
            ControlInput::Choice { value, options } => {
                let found = options.iter().find(|option| option.value == text);
                found.map(|option| value.clone_from(&option.value))
            }
            ControlInput::Text { value, max_length } => {
                (text.len() <= *max_length).then(|| text.clone_into(value))
            }
            ControlInput::Numbers { value, min, max, least, most } => {
                let pieces = text.split(',').count();
                let new: Option<Vec<f64>> = (*least..=*most)
                    .contains(&pieces)
                    .then(|| text.split(',').map(parse_number).collect())
                    .flatten();
                new.filter(|new| new.iter().all(|new| (*min..=*max).contains(new)))
                    .map(|new| *value = new)
            }
            ControlInput::Seed { value } => {
                text.trim().parse().ok().filter(|new| *new <= MAX_SEED).map(|new| *value = new)
            }
        };
        taken.ok_or(expected)
    }

    /// The values that it takes, in words.
    pub fn expected(&self) -> String {
        let numeral = |value: f64| number(value, 6);
        match &self.input {
            ControlInput::Number { min, max, whole, .. } => {
                let what = if *whole { "a whole number" } else { "a number" };
                format!("{what} from {} to {}", numeral(*min), numeral(*max))
            }
            ControlInput::Choice { options, .. } => {
                let values: Vec<_> = options.iter().map(|option| &*option.value).collect();
                format!("one of {}", values.join(", "))
            }
            ControlInput::Text { max_length, .. } => {
                format!("a text of at most {max_length} bytes")
            }
            ControlInput::Numbers { min, max, least, most, .. } => {
                let many =
                    if least == most { most.to_string() } else { format!("{least} to {most}") };
                format!(
                    "{many} numbers from {} to {} with commas between them",
                    numeral(*min),
                    numeral(*max)
                )
            }
            ControlInput::Seed { .. } => format!("a whole number from 0 to {MAX_SEED}"),
        }
    }
}

/// A finite number as readers write it, with a minus sign of either kind.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim().replace('−', "-");
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_outside_of_the_range_are_refused_and_change_nothing() {
        let options = [("sgd", "SGD"), ("adam", "Adam")];
        let cases = [
            (Control::number("a", "", 1.0, [0.0, 10.0]), "2.5", "11", "a number from 0 to 10"),
            (Control::whole("a", "", 1, [1, 10]), "2", "2.5", "a whole number from 1 to 10"),
            (Control::choice("a", "", "sgd", &options), "adam", "Adam", "one of sgd, adam"),
            (Control::text("a", "", "x", 3), "xyz", "wxyz", "a text of at most 3 bytes"),
            (
                Control::numbers("a", "", &[1.0, 2.0], [-5.0, 5.0], [2, 3]),
                "3.2,−1,0.5",
                "1,2,3,4",
                "2 to 3 numbers from −5 to 5 with commas between them",
            ),
            (Control::seed("", 0), "7", "-1", "a whole number from 0 to 9.0072e15"),
        ];
        for (mut control, good, bad, expected) in cases {
            assert_eq!(control.set(good), Ok(()), "{good}");
            let before = control.clone();
            let error = control.set(bad).unwrap_err();
            if !expected.contains('e') || !expected.contains("15") {
                assert_eq!(error, expected);
            }
            assert_eq!(control, before, "{bad}");
        }
        for text in ["nan", "inf", "1e999", "", "1,2"] {
            assert!(Control::number("a", "", 1.0, [0.0, 10.0]).set(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_is_read_as_it_is_written() {
        let mut control = Control::numbers("a", "", &[3.2, -1.7], [-5.0, 5.0], [2, 3]);
        let text = control.value_text();
        assert_eq!(text, "3.2,-1.7");
        control.set(&text).unwrap();
        assert_eq!(control.value_text(), text);
    }
}
