//! One layer of a description: its kind, and how it is connected and trained.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::layers::{LayerKind, flatten::Flatten};
use crate::registry::{
    ByKind as _, InvalidSetting, KindVisitor, Validate, next_kind, not_negative, require,
    unknown_setting,
};

/// A layer of a network.
///
/// Written as the settings of its kind with those below beside them, or as its name if all have their defaults.
///
/// ```
/// use gradus_nn::{Layer, layers::linear::Linear};
///
/// #[derive(serde::Deserialize)]
/// struct File { layers: Vec<Layer> }
///
/// let text = r#"layers = ["relu", { kind = "linear", units = 10, name = "head", freeze = true }]"#;
/// let [relu, head] = &toml::from_str::<File>(text)?.layers[..] else { panic!() };
/// assert_eq!((relu.kind.name(), relu.name.as_deref()), ("relu", None));
/// assert_eq!((head.kind.name(), head.name.as_deref()), ("linear", Some("head")));
/// assert!(head.freeze);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What it computes.
    pub kind: LayerKind,
    /// Its name, if it has one: letters, digits, `_` and `-`, unique in the network.
    pub name: Option<String>,
    /// The layers whose outputs it takes, by name or path, or `input`. A layer that merges takes them after the output
    /// of the layer before; any other takes one of them instead of that.
    pub from: Vec<String>,
    /// Whether its parameters and running statistics stay as they are.
    pub freeze: bool,
    /// Factor of the learning rate for its parameters, at least 0.
    pub learning_rate_factor: f64,
}

/// The settings of every layer, as a table names them.
const OF_LAYER: &[&str] = &[NAME, FROM, FREEZE, LEARNING_RATE_FACTOR];
const NAME: &str = "name";
const FROM: &str = "from";
const FREEZE: &str = "freeze";
const LEARNING_RATE_FACTOR: &str = "learning_rate_factor";

/// The name of the network's input in `from`.
pub(super) const INPUT: &str = "input";

/// The most characters of a name.
const MAX_NAME: usize = 64;

impl Layer {
    /// The path of the layer with this number, from 1: its name or, without one, number and kind: `3.conv2d`.
    pub fn path(&self, number: usize) -> String {
        self.name.clone().unwrap_or_else(|| unnamed_path(number, self.kind.name()))
    }
}

/// The path of a layer without a name.
pub(super) fn unnamed_path(number: usize, kind: &str) -> String {
    format!("{number}.{kind}")
}

impl<K: Into<LayerKind>> From<K> for Layer {
    fn from(kind: K) -> Self {
        let (name, from) = (None, Vec::new());
        Self { kind: kind.into(), name, from, freeze: false, learning_rate_factor: 1.0 }
    }
}

impl Validate for Layer {
    fn validate(&self) -> Result<(), InvalidSetting> {
        self.kind.validate()?;
        if let Some(name) = &self.name {
            let is_allowed = |c: char| c.is_alphanumeric() || ['_', '-'].contains(&c);
            let is_short = (1..=MAX_NAME).contains(&name.chars().count());
            let holds = is_short && name.chars().all(is_allowed) && name != INPUT;
            let expected =
                format!("1 to {MAX_NAME} letters, digits, `_` or `-`, and not `{INPUT}`");
            require(holds, NAME, format_args!("{name:?}"), expected)?;
        }
        not_negative(LEARNING_RATE_FACTOR, &self.learning_rate_factor)
    }
}

/// What a table holds beside kind and settings, if it is not as by default.
struct Others<'a>(&'a Layer);

impl Others<'_> {
    fn is_empty(&self) -> bool {
        let Layer { name, from, freeze, learning_rate_factor, .. } = self.0;
        name.is_none() && from.is_empty() && !freeze && *learning_rate_factor == 1.0
    }
}

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Layer { kind, name, from, freeze, learning_rate_factor } = self.0;
        let mut table = serializer.serialize_map(None)?;
        if let Some(name) = name {
            table.serialize_entry(NAME, name)?;
        }
        match &from[..] {
            [] => {}
            [from] if !kind.as_dyn::<f32>().merges() => table.serialize_entry(FROM, from)?,
            _ => table.serialize_entry(FROM, from)?,
        }
        if *freeze {
            table.serialize_entry(FREEZE, freeze)?;
        }
        if *learning_rate_factor != 1.0 {
            table.serialize_entry(LEARNING_RATE_FACTOR, learning_rate_factor)?;
        }
        table.end()
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let others = Others(self);
        self.kind.serialize_with(&others, others.is_empty(), serializer)
    }
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LayerVisitor)
    }
}

struct LayerVisitor;

impl<'de> Visitor<'de> for LayerVisitor {
    type Value = Layer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        KindVisitor::<LayerKind>(PhantomData).expecting(f)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Layer, E> {
        KindVisitor::<LayerKind>(PhantomData).visit_str(name).map(Layer::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layer, A::Error> {
        let kind = next_kind::<LayerKind, A>(&mut map)?;
        // Any kind: it is replaced by the one that is read.
        let mut layer = Layer::from(Flatten {});
        let of_kind = LayerKind::settings(kind);
        layer.kind = LayerKind::read(kind, KindSettings { map, of_kind, layer: &mut layer })?;
        Ok(layer)
    }
}

/// The entries of a layer's table that are settings of its kind; the others go into the layer on the way.
struct KindSettings<'a, A> {
    map: A,
    of_kind: &'static [&'static str],
    layer: &'a mut Layer,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for KindSettings<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        mut seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        loop {
            let Some(key) = self.map.next_key_seed(KeySeed { of_kind: self.of_kind, seed })? else {
                return Ok(None);
            };
            let (own, unused) = match key {
                Key::OfKind(key) => return Ok(Some(key)),
                Key::OfLayer(own, unused) => (own, unused),
            };
            match own {
                NAME => self.layer.name = Some(self.map.next_value()?),
                FROM => self.layer.from = self.map.next_value::<OneOrMore>()?.into(),
                FREEZE => self.layer.freeze = self.map.next_value()?,
                _ => self.layer.learning_rate_factor = self.map.next_value()?,
            }
            seed = unused;
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A key of a layer's table.
enum Key<V, K> {
    /// A setting of the kind.
    OfKind(V),
    /// One of [`OF_LAYER`], and the seed that did not read it.
    OfLayer(&'static str, K),
}

struct KeySeed<K> {
    of_kind: &'static [&'static str],
    seed: K,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<K> {
    type Value = Key<K::Value, K>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for KeySeed<K> {
    type Value = Key<K::Value, K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a setting")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        if let Some(own) = OF_LAYER.iter().find(|own| **own == key) {
            return Ok(Key::OfLayer(own, self.seed));
        }
        if !self.of_kind.contains(&key) {
            return Err(E::custom(unknown_setting(key, &[self.of_kind, OF_LAYER].concat())));
        }
        self.seed.deserialize(key.into_deserializer()).map(Key::OfKind)
    }
}

/// `"a"` or `["a", "b"]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of a layer or a list of them")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl From<OneOrMore> for Vec<String> {
    fn from(names: OneOrMore) -> Self {
        match names {
            OneOrMore::One(name) => vec![name],
            OneOrMore::More(names) => names,
        }
    }
}
