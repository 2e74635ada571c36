//! Settings that may be written in a short and a long form.

use std::fmt;
use std::marker::PhantomData;

use graph::Padding;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::init::{Initializer, constant::Constant};
use crate::registry::{InvalidSetting, KindVisitor, finite, nested, require};

/// A height and a width: `5` or `[5, 3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a size or [height, width]")]
pub enum Pair {
    /// The same for both.
    Both(usize),
    /// Height and width.
    Each([usize; 2]),
}

impl From<usize> for Pair {
    fn from(size: usize) -> Self {
        Self::Both(size)
    }
}

impl From<[usize; 2]> for Pair {
    fn from(sizes: [usize; 2]) -> Self {
        Self::Each(sizes)
    }
}

impl Pair {
    /// Height and width.
    pub fn sizes(self) -> [usize; 2] {
        match self {
            Self::Both(size) => [size; 2],
            Self::Each(sizes) => sizes,
        }
    }

    /// The check of a pair, from the check of a size.
    pub(crate) fn each(
        check: impl Fn(&str, &usize) -> Result<(), InvalidSetting>,
    ) -> impl Fn(&str, &Self) -> Result<(), InvalidSetting> {
        move |name, pair| pair.sizes().iter().try_for_each(|size| check(name, size))
    }
}

/// Zeros around an image: `"valid"` (none), `"same"`, a number for all sides, or
/// `[top, bottom, left, right]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PaddingForm", into = "PaddingForm")]
pub struct PaddingSetting(pub Padding);

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = r#"expected "valid", "same", a number of pixels, or [top, bottom, left, right]"#
)]
enum PaddingForm {
    Name(String),
    All(usize),
    Each([usize; 4]),
}

impl From<usize> for PaddingSetting {
    fn from(size: usize) -> Self {
        Self::from([size; 4])
    }
}

impl From<[usize; 4]> for PaddingSetting {
    fn from([top, bottom, left, right]: [usize; 4]) -> Self {
        Self(Padding::Explicit { top, bottom, left, right })
    }
}

impl Default for PaddingSetting {
    fn default() -> Self {
        Self(Padding::Valid)
    }
}

impl TryFrom<PaddingForm> for PaddingSetting {
    type Error = serde::de::value::Error;

    fn try_from(form: PaddingForm) -> Result<Self, Self::Error> {
        Ok(match form {
            PaddingForm::Name(name) if name == "valid" => Self(Padding::Valid),
            PaddingForm::Name(name) if name == "same" => Self(Padding::Same),
            PaddingForm::Name(name) => {
                return Err(serde::de::Error::unknown_variant(&name, &["valid", "same"]));
            }
            PaddingForm::All(size) => size.into(),
            PaddingForm::Each(sizes) => sizes.into(),
        })
    }
}

impl From<PaddingSetting> for PaddingForm {
    fn from(PaddingSetting(padding): PaddingSetting) -> Self {
        match padding {
            Padding::Valid => Self::Name("valid".into()),
            Padding::Same => Self::Name("same".into()),
            Padding::Explicit { top, bottom, left, right } => {
                Self::Each([top, bottom, left, right])
            }
        }
    }
}

impl PaddingSetting {
    pub(crate) fn within_limit(name: &str, padding: &Self) -> Result<(), InvalidSetting> {
        /// Rows or columns on one side: more than any kernel needs.
        const MOST: usize = 1024;
        let Padding::Explicit { top, bottom, left, right } = padding.0 else { return Ok(()) };
        let most = top.max(bottom).max(left).max(right);
        require(most <= MOST, name, most, format!("at most {MOST}"))
    }
}

/// A bias: its first value, `false` for none, or an initializer.
#[derive(Clone, Debug, PartialEq)]
pub enum Bias {
    /// Its first value.
    Value(f64),
    /// Whether there is one, which then begins at 0.
    IsPresent(bool),
    /// How it begins; fans are those of the weight beside it.
    Drawn(Initializer),
}

impl Default for Bias {
    fn default() -> Self {
        Self::Value(0.0)
    }
}

impl Bias {
    /// How it begins, if there is one.
    pub fn initializer(&self) -> Option<Initializer> {
        match self {
            Self::Value(value) => Some(Constant { value: *value }.into()),
            Self::IsPresent(is_present) => is_present.then(|| Constant { value: 0.0 }.into()),
            Self::Drawn(initializer) => Some(initializer.clone()),
        }
    }

    pub(crate) fn is_valid(name: &str, bias: &Self) -> Result<(), InvalidSetting> {
        match bias {
            Self::Value(value) => finite(name, value),
            Self::IsPresent(_) => Ok(()),
            Self::Drawn(initializer) => nested(name, initializer),
        }
    }
}

impl Serialize for Bias {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::IsPresent(is_present) => is_present.serialize(serializer),
            Self::Drawn(initializer) => initializer.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BiasVisitor;

        impl<'de> Visitor<'de> for BiasVisitor {
            type Value = Bias;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the first value of the bias, false for none, or an initializer")
            }

            fn visit_bool<E: Error>(self, is_present: bool) -> Result<Bias, E> {
                Ok(Bias::IsPresent(is_present))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Bias, E> {
                Ok(Bias::Value(value as f64))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Bias, E> {
                Ok(Bias::Value(value as f64))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Bias, E> {
                Ok(Bias::Value(value))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Bias, E> {
                KindVisitor(PhantomData).visit_str(name).map(Bias::Drawn)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bias, A::Error> {
                KindVisitor(PhantomData).visit_map(map).map(Bias::Drawn)
            }
        }

        deserializer.deserialize_any(BiasVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        pair: Pair,
        padding: PaddingSetting,
        bias: Bias,
    }

    #[test]
    fn short_and_long_forms_are_read_and_written_back() {
        let explicit = Padding::Explicit { top: 1, bottom: 2, left: 3, right: 4 };
        for (text, pair, padding, bias) in [
            ("pair = 5\npadding = \"same\"\nbias = 0.1\n", [5, 5], Padding::Same, Some(0.1)),
            ("pair = [5, 3]\npadding = \"valid\"\nbias = false\n", [5, 3], Padding::Valid, None),
            ("pair = 1\npadding = [1, 2, 3, 4]\nbias = 0.0\n", [1, 1], explicit, Some(0.0)),
            ("pair = 1\npadding = \"same\"\nbias = true\n", [1, 1], Padding::Same, Some(0.0)),
        ] {
            let all: All = toml::from_str(text).unwrap();
            let bias = bias.map(|value| Constant { value }.into());
            assert_eq!(
                (all.pair.sizes(), all.padding.0, all.bias.initializer()),
                (pair, padding, bias)
            );
            assert_eq!(toml::to_string(&all).unwrap(), text);
        }
    }

    #[test]
    fn other_forms_are_refused_with_what_was_expected() {
        for (text, expected) in [
            ("pair = [5]\npadding = 0\nbias = 0", "expected a size or [height, width]"),
            ("pair = -1\npadding = 0\nbias = 0", "expected a size or [height, width]"),
            (
                "pair = 5\npadding = \"sane\"\nbias = 0",
                "unknown variant `sane`, expected `valid` or `same`",
            ),
            (
                "pair = 5\npadding = [1, 2]\nbias = 0",
                "a number of pixels, or [top, bottom, left, right]",
            ),
            (
                "pair = 5\npadding = 2\nbias = \"no\"",
                "unknown variant `no`, expected one of `constant`",
            ),
            (
                "pair = 5\npadding = 2\nbias = []",
                "expected the first value of the bias, false for none, or an initializer",
            ),
            ("pair = 5\npadding = 2\nbias = { kind = 'normal', mu = 1 }", "unknown field `mu`"),
        ] {
            let error = toml::from_str::<All>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
