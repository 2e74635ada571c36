//! Settings that may be written in a short and a long form.

use std::fmt;

use graph::Padding;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::registry::{InvalidSetting, Validate, require, within_limit};

/// A height and a width: `5` or `[5, 3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub [usize; 2]);

impl Pair {
    /// Checks that both sizes lie in `1..=most`.
    pub(crate) fn within_limit(self, name: &str, most: usize) -> Result<(), InvalidSetting> {
        let [height, width] = self.0;
        let outside = if (1..=most).contains(&height) { width } else { height };
        within_limit(name, outside, most)
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [height, width] if height == width => height.serialize(serializer),
            pair => pair.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Sizes::<2> { expected: "a size or [height, width]" }).map(Self)
    }
}

/// Zeros around an image: `"valid"` (none), `"same"`, a number for all sides, or
/// `[top, bottom, left, right]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaddingSetting(pub Padding);

impl Default for PaddingSetting {
    fn default() -> Self {
        Self(Padding::Valid)
    }
}

impl Serialize for PaddingSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Padding::Valid => "valid".serialize(serializer),
            Padding::Same => "same".serialize(serializer),
            Padding::Explicit { top, bottom, left, right } => {
                [top, bottom, left, right].serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for PaddingSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PaddingVisitor;

        impl<'de> Visitor<'de> for PaddingVisitor {
            type Value = Padding;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#""valid", "same", a number of pixels, or [top, bottom, left, right]"#)
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Padding, E> {
                match name {
                    "valid" => Ok(Padding::Valid),
                    "same" => Ok(Padding::Same),
                    name => Err(E::unknown_variant(name, &["valid", "same"])),
                }
            }
            fn visit_i64<E: Error>(self, size: i64) -> Result<Padding, E> {
                Sizes::<4> { expected: "a number of pixels" }.visit_i64(size).map(explicit)
            }
            fn visit_u64<E: Error>(self, size: u64) -> Result<Padding, E> {
                Sizes::<4> { expected: "a number of pixels" }.visit_u64(size).map(explicit)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, sides: A) -> Result<Padding, A::Error> {
                Sizes::<4> { expected: "[top, bottom, left, right]" }.visit_seq(sides).map(explicit)
            }
        }

        deserializer.deserialize_any(PaddingVisitor).map(Self)
    }
}

impl Validate for PaddingSetting {
    fn validate(&self) -> Result<(), InvalidSetting> {
        /// Rows or columns on one side: more than any kernel needs.
        const MOST: usize = 1024;
        let Padding::Explicit { top, bottom, left, right } = self.0 else { return Ok(()) };
        let most = top.max(bottom).max(left).max(right);
        require(most <= MOST, "padding", most, format!("at most {MOST}"))
    }
}

fn explicit([top, bottom, left, right]: [usize; 4]) -> Padding {
    Padding::Explicit { top, bottom, left, right }
}

/// A bias: its first value, or `false` for none.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "BiasForm")]
pub struct Bias(pub Option<f64>);

/// A bias as it is written.
#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected the first value of the bias, or false for none")]
enum BiasForm {
    Value(f64),
    IsPresent(bool),
}

impl From<BiasForm> for Bias {
    fn from(form: BiasForm) -> Self {
        match form {
            BiasForm::Value(value) => Self(Some(value)),
            BiasForm::IsPresent(is_present) => Self(is_present.then_some(0.0)),
        }
    }
}

impl Serialize for Bias {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.map_or(BiasForm::IsPresent(false), BiasForm::Value).serialize(serializer)
    }
}

/// A size for all axes, or one for each.
struct Sizes<const N: usize> {
    expected: &'static str,
}

impl<'de, const N: usize> Visitor<'de> for Sizes<N> {
    type Value = [usize; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
    fn visit_i64<E: Error>(self, size: i64) -> Result<[usize; N], E> {
        match usize::try_from(size) {
            Ok(size) => Ok([size; N]),
            Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(size), &self)),
        }
    }
    fn visit_u64<E: Error>(self, size: u64) -> Result<[usize; N], E> {
        self.visit_i64(i64::try_from(size).map_err(|_| E::custom("the size is too large"))?)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[usize; N], A::Error> {
        let mut sizes = [0; N];
        for (i, size) in sizes.iter_mut().enumerate() {
            *size = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(i, &self))?;
        }
        match seq.next_element::<usize>()? {
            None => Ok(sizes),
            Some(_) => Err(A::Error::invalid_length(N + 1, &self)),
        }
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
        ] {
            let all: All = toml::from_str(text).unwrap();
            assert_eq!(
                all,
                All { pair: Pair(pair), padding: PaddingSetting(padding), bias: Bias(bias) }
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
            ("pair = 5\npadding = [1, 2]\nbias = 0", "expected [top, bottom, left, right]"),
            (
                "pair = 5\npadding = 2\nbias = \"no\"",
                "expected the first value of the bias, or false for none",
            ),
        ] {
            let error = toml::from_str::<All>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
