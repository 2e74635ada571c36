//! How programs name the tensors of a layer.

use std::borrow::Cow;
use std::collections::HashMap;

/// Whose names and layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameScheme {
    /// A `state_dict` of PyTorch: `0.weight` in a `Sequential`, `fc1.weight` of a named layer; channels first.
    Torch,
    /// Weights of Keras: `dense/kernel`, `batch_normalization/moving_mean`; channels last.
    Keras,
    /// "Deep Learning from Scratch": `W1`, `b1`, `gamma1`; channels first.
    Book,
}

/// What the layers of the book that normalise are called beside those that multiply: each kind is counted by itself.
const NORMALIZATION: &str = "normalization ";

/// What a tensor is in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TensorPart {
    Weight,
    Bias,
    Scale,
    Offset,
    Mean,
    Variance,
    Table,
}

impl NameScheme {
    /// Every scheme.
    pub const ALL: [Self; 3] = [Self::Torch, Self::Keras, Self::Book];

    /// The scheme that most of the names are of; none if they are of none.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut counts = [0; Self::ALL.len()];
        for name in names {
            for (count, scheme) in counts.iter_mut().zip(Self::ALL) {
                *count += usize::from(scheme.parse(name).is_some());
            }
        }
        let most = counts.iter().max().copied().filter(|&most| most > 0)?;
        Self::ALL
            .into_iter()
            .zip(counts)
            .find_map(|(scheme, count)| (count == most).then_some(scheme))
    }

    /// Whether images have their channels before rows and columns.
    pub(crate) fn has_channels_first(self) -> bool {
        self != Self::Keras
    }

    /// The words for parts; of several for one the first is written.
    fn words(self) -> &'static [(&'static str, TensorPart)] {
        use TensorPart::{Bias, Mean, Offset, Scale, Table, Variance, Weight};
        match self {
            Self::Torch => &[
                ("weight", Weight),
                ("bias", Bias),
                ("running_mean", Mean),
                ("running_var", Variance),
            ],
            Self::Keras => &[
                ("kernel", Weight),
                ("depthwise_kernel", Weight),
                ("bias", Bias),
                ("gamma", Scale),
                ("beta", Offset),
                ("moving_mean", Mean),
                ("moving_variance", Variance),
                ("embeddings", Table),
            ],
            Self::Book => &[
                ("W", Weight),
                ("b", Bias),
                ("gamma", Scale),
                ("beta", Offset),
                ("running_mean", Mean),
                ("running_var", Variance),
            ],
        }
    }

    /// The layer and the part that a name is of; none if it names none.
    pub(crate) fn parse(self, name: &str) -> Option<(Cow<'_, str>, TensorPart)> {
        let (layer, word) = match self {
            Self::Torch => name.rsplit_once('.')?,
            Self::Keras => {
                let (layer, word) = name.rsplit_once('/')?;
                (layer, word.strip_suffix(":0").unwrap_or(word))
            }
            Self::Book => {
                let at = name.find(|letter: char| letter.is_ascii_digit())?;
                let (word, number) = name.split_at(at);
                number.parse::<u32>().ok()?;
                (number, word)
            }
        };
        let (_, part) = *self.words().iter().find(|(known, _)| *known == word)?;
        let is_product = matches!(part, TensorPart::Weight | TensorPart::Bias);
        Some(match self {
            Self::Book if !is_product => (format!("{NORMALIZATION}{layer}").into(), part),
            _ => (layer.into(), part),
        })
    }

    /// The part as it stands in a name; PyTorch calls scales and tables weights, and offsets biases.
    pub(crate) fn stored(self, part: TensorPart) -> TensorPart {
        match (self, part) {
            (Self::Torch, TensorPart::Scale | TensorPart::Table) => TensorPart::Weight,
            (Self::Torch, TensorPart::Offset) => TensorPart::Bias,
            (Self::Book, TensorPart::Table) => TensorPart::Weight,
            _ => part,
        }
    }

    /// The name of a part of a layer.
    pub(crate) fn name(self, layer: &str, part: TensorPart) -> String {
        let part = self.stored(part);
        let found = self.words().iter().find(|(_, known)| *known == part);
        let (word, _) = found.expect("every part that is stored has a word");
        match self {
            Self::Torch => format!("{layer}.{word}"),
            Self::Keras => format!("{layer}/{word}"),
            Self::Book => format!("{word}{}", layer.trim_start_matches(NORMALIZATION)),
        }
    }

    /// The layers of a network under their names here, of those that have tensors: by kind, number from 0, and own name.
    pub(crate) fn layer_names<'a>(
        self,
        layers: impl Iterator<Item = (usize, &'a str, Option<&'a str>)>,
    ) -> Vec<String> {
        let mut counts = HashMap::new();
        let mut count = |what: &'a str| {
            let next = counts.entry(what).or_insert(0_usize);
            *next += 1;
            *next
        };
        layers
            .map(|(index, kind, name)| match (self, name) {
                (Self::Torch, Some(name)) | (Self::Keras, Some(name)) => name.to_owned(),
                (Self::Torch, None) => index.to_string(),
                (Self::Keras, None) => {
                    let keras = keras_kind(kind);
                    match count(keras) {
                        1 => keras.to_owned(),
                        number => format!("{keras}_{}", number - 1),
                    }
                }
                (Self::Book, _) => {
                    let is_normalization = kind.ends_with("_norm") || kind == "feature_scale";
                    let family = if is_normalization { NORMALIZATION } else { "" };
                    format!("{family}{}", count(family))
                }
            })
            .collect()
    }
}

/// What Keras calls a layer.
fn keras_kind(kind: &str) -> &str {
    match kind {
        "linear" => "dense",
        "batch_norm" => "batch_normalization",
        "layer_norm" => "layer_normalization",
        "group_norm" => "group_normalization",
        kind => kind,
    }
}
