//! The names of elements: `8.linear[17]`, `gradient:8.linear.weight[412, 17]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// An element of a network, or its gradient.
///
/// As text, in JSON too: the path of a layer, a parameter or any node, then the index, row-major without the batch. A
/// sample of a batch is named behind `@`, by its position. `gradient:` in front is the gradient of the loss for the element.
///
/// ```
/// use gradus_explain::element::{ElementName, ElementQuantity};
///
/// let name: ElementName = "gradient: 8.linear[17] @3".parse()?;
/// assert_eq!(name.quantity, ElementQuantity::Gradient);
/// assert_eq!((name.path.as_str(), &name.index[..], name.sample), ("8.linear", &[17][..], Some(3)));
/// assert_eq!(name.to_string(), "gradient:8.linear[17]@3");
///
/// let error = "8.linear[17".parse::<ElementName>().unwrap_err();
/// assert_eq!(error.to_string(), "`8.linear[17`: expected `]` behind the index");
/// # Ok::<(), gradus_explain::element::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElementName {
    /// What of the element.
    pub quantity: ElementQuantity,
    /// The path of a node.
    pub path: String,
    /// One number for each axis behind the batch; none for a number.
    pub index: Vec<usize>,
    /// The position of the sample in the batch, where that is not clear.
    pub sample: Option<usize>,
}

/// What of an element is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementQuantity {
    /// Its value.
    #[default]
    Value,
    /// The gradient of the loss for it.
    Gradient,
}

/// A text that is not the name of an element.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: expected {expected}")]
pub struct NameError {
    /// The text.
    pub text: String,
    /// What it should have had.
    pub expected: &'static str,
}

const GRADIENT: &str = "gradient:";
/// The characters and the axes of a name at most.
const MAX_TEXT: usize = 200;
const MAX_AXES: usize = 8;

impl ElementName {
    /// The value of an element.
    pub fn value(path: impl Into<String>, index: impl Into<Vec<usize>>) -> Self {
        let (quantity, path, index) = (ElementQuantity::Value, path.into(), index.into());
        Self { quantity, path, index, sample: None }
    }

    /// The gradient of the same element.
    #[must_use]
    pub fn gradient(self) -> Self {
        Self { quantity: ElementQuantity::Gradient, ..self }
    }
}

impl FromStr for ElementName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let shown: String = text.chars().take(MAX_TEXT).collect();
        let refuse = |expected| NameError { text: shown.clone(), expected };
        if shown.len() < text.len() {
            return Err(refuse("at most 200 characters"));
        }
        let text = text.trim();
        let (quantity, text) = match text.strip_prefix(GRADIENT) {
            Some(text) => (ElementQuantity::Gradient, text.trim_start()),
            None => (ElementQuantity::Value, text),
        };
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let (text, sample) = match text.rsplit_once('@') {
            Some((text, sample)) => {
                let sample = number(sample).ok_or(refuse("the position of a sample behind `@`"))?;
                (text.trim_end(), Some(sample))
            }
            None => (text, None),
        };
        let (path, index) = match text.split_once('[') {
            None => (text, Vec::new()),
            Some((path, index)) => {
                let index = index.strip_suffix(']').ok_or(refuse("`]` behind the index"))?;
                let numbers = index.split(',').take(MAX_AXES + 1).map(number);
                let numbers: Option<Vec<usize>> = numbers.collect();
                let numbers = numbers.filter(|numbers| numbers.len() <= MAX_AXES);
                (path, numbers.ok_or(refuse("an index such as [17] or [14, 14, 0]"))?)
            }
        };
        let path = path.trim_end().to_owned();
        if path.is_empty() {
            return Err(refuse("a path such as 8.linear[17]"));
        }
        Ok(Self { quantity, path, index, sample })
    }
}

impl fmt::Display for ElementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quantity == ElementQuantity::Gradient {
            f.write_str(GRADIENT)?;
        }
        f.write_str(&self.path)?;
        if !self.index.is_empty() {
            let index: Vec<String> = self.index.iter().map(usize::to_string).collect();
            write!(f, "[{}]", index.join(", "))?;
        }
        self.sample.map_or(Ok(()), |sample| write!(f, "@{sample}"))
    }
}

impl Serialize for ElementName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ElementName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["loss", "logits[3]", "gradient:1.conv2d.weight[0, 4, 0, 11]", "尺寸[1]@99"] {
            let name: ElementName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<ElementName>(&json).unwrap(), name);
        }
        let spaced: ElementName = " 8.linear [ 1,2 ] @ 3 ".parse().unwrap();
        assert_eq!(spaced.to_string(), "8.linear[1, 2]@3");
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        let long = "x".repeat(201);
        for text in [
            "", "[1]", "x[", "x[1", "x[]", "x[-1]", "x[1.5]", "x[1]y", "x@", "x@-1", "x[1][2]",
            &long,
        ] {
            assert!(text.parse::<ElementName>().is_err(), "{text}");
        }
        let many = format!("x[{}]", ["0"; 9].join(","));
        assert!(many.parse::<ElementName>().is_err());
    }
}
