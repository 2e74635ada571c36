//! Numbers and vectors: as values, and as text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number or a vector of numbers.
///
/// In JSON `3.2` or `[3.2, 5.1]`; a number that is not finite is written as `null`.
///
/// ```
/// use gradus_explain::FormulaValue;
///
/// assert_eq!(FormulaValue::from(0.1 + 0.2).to_string(), "0.3");
/// assert_eq!(FormulaValue::from([3.2, -1.7]).to_string(), "[3.2, -1.7]");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FormulaValue {
    /// A number.
    Number(f64),
    /// A vector.
    Vector(Vec<f64>),
}

impl FormulaValue {
    /// The elements; those of a number are the number.
    pub fn elements(&self) -> &[f64] {
        match self {
            Self::Number(number) => std::slice::from_ref(number),
            Self::Vector(elements) => elements,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Vector(_) => None,
        }
    }

    /// Whether every element is finite.
    pub fn is_finite(&self) -> bool {
        self.elements().iter().all(|element| element.is_finite())
    }
}

impl From<f64> for FormulaValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<const N: usize> From<[f64; N]> for FormulaValue {
    fn from(elements: [f64; N]) -> Self {
        Self::Vector(elements.to_vec())
    }
}

/// Six significant digits; of a long vector its beginning and its length.
impl fmt::Display for FormulaValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        match self {
            Self::Number(number) => f.write_str(&six_digits(*number)),
            Self::Vector(elements) => {
                let shown = elements.iter().take(SHOWN).map(|&element| six_digits(element));
                write!(f, "[{}", shown.collect::<Vec<_>>().join(", "))?;
                match elements.len() {
                    len if len > SHOWN => write!(f, ", … {len} elements]"),
                    _ => f.write_str("]"),
                }
            }
        }
    }
}

/// A number with up to six significant digits, rounded: 11.000000000000002 is `11`.
///
/// ```
/// let texts = [0.1 + 0.2, 1234567.0, -0.0, f64::NAN].map(gradus_explain::six_digits);
/// assert_eq!(texts, ["0.3", "1.23457e6", "0", "undefined"]);
/// ```
pub fn six_digits(value: f64) -> String {
    if value.is_nan() {
        return "undefined".into();
    }
    let rounded: f64 = format!("{value:.5e}").parse().expect("the text of a number");
    match rounded.abs() {
        // A negative zero prints as zero.
        0.0 => "0".into(),
        size if (1e-4..1e6).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits_and_are_rounded() {
        let table = "11.000000000000002 11, 2.2 2.2, 0.30000000000000004 0.3, -0.0 0, 0.196611933 0.196612, \
            -0.3333333333333333 -0.333333, 123456.4 123456, 999999.9 1e6, 1234567 1.23457e6, \
            0.00012345678 0.000123457, 1.5e-7 1.5e-7, -inf -inf, nan undefined";
        for (value, want) in table.split(", ").filter_map(|case| case.split_once(' ')) {
            assert_eq!(six_digits(value.parse().expect("a number")), want, "{value}");
        }
    }

    #[test]
    fn a_long_vector_shows_its_beginning() {
        let text = FormulaValue::Vector(vec![1.0; 1000]).to_string();
        assert_eq!(text, "[1, 1, 1, 1, 1, 1, 1, 1, … 1000 elements]");
        assert_eq!(FormulaValue::Vector(Vec::new()).to_string(), "[]");
    }
}
