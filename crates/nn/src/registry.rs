//! Registries: components that are chosen by name, and the check of their settings.
//!
//! A registry (layers, losses, optimizers, schedules, initializers) is a folder with one file per kind.
//! Its list is written once, in `registry!`, and the name of a kind is the name of its file. A program adds kinds of its
//! own by `register`.

mod custom;

use std::any::TypeId;
use std::fmt;
use std::iter;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};

use custom::unknown_kind;
pub(crate) use custom::unknown_setting;
pub use custom::{CustomKind, CustomKinds, RegisterError, Settings};

/// Settings that have a range.
pub trait Validate {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// The first setting outside its range.
    fn validate(&self) -> Result<(), InvalidSetting>;
}

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected {expected}, found {found}")]
pub struct InvalidSetting {
    /// The setting's name, with the settings around it: `then.learning_rate`.
    pub name: String,
    /// Its value.
    pub found: String,
    /// The range it should lie in, in words.
    pub expected: String,
}

impl InvalidSetting {
    /// The setting `name`, which should be what is `expected`, in words.
    pub fn new(name: &str, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self { name: name.into(), found: found.to_string(), expected: expected.into() }
    }

    /// The same, seen from the setting `outer` that holds this one.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { name: format!("{outer}.{}", self.name), ..self }
    }
}

/// The most units of a layer, filters of a convolution or classes of a dataset: more is a mistake in writing.
pub const MAX_WIDTH: usize = 1 << 20;

/// An error unless `found` is finite.
pub(crate) fn finite(name: &str, found: &f64) -> Result<(), InvalidSetting> {
    require(found.is_finite(), name, found, "a finite number")
}

/// An error unless `found` is finite and above 0.
pub fn positive(name: &str, found: &f64) -> Result<(), InvalidSetting> {
    require(found.is_finite() && *found > 0.0, name, found, "a number above 0")
}

/// An error unless `found` is finite and at least 0.
pub fn not_negative(name: &str, found: &f64) -> Result<(), InvalidSetting> {
    require(found.is_finite() && *found >= 0.0, name, found, "a number of at least 0")
}

/// An error if `found`, an integer, is 0.
pub fn one_or_more<N>(name: &str, found: &N) -> Result<(), InvalidSetting>
where
    N: fmt::Display + From<u8> + PartialOrd,
{
    require(*found >= N::from(1), name, found, "1 or more")
}

/// The check of a setting that may be left out, from the check of its value.
pub fn optional<T>(
    check: impl Fn(&str, &T) -> Result<(), InvalidSetting>,
) -> impl Fn(&str, &Option<T>) -> Result<(), InvalidSetting> {
    move |name, found| found.iter().try_for_each(|found| check(name, found))
}

/// An error unless `found` lies in `[0, 1)`.
pub(crate) fn fraction(name: &str, found: &f64) -> Result<(), InvalidSetting> {
    require((0.0..1.0).contains(found), name, found, "a number from 0 to below 1")
}

/// An error unless `found` lies in `1..=MAX_WIDTH`.
pub(crate) fn width(name: &str, found: &usize) -> Result<(), InvalidSetting> {
    within_limit(name, *found, MAX_WIDTH)
}

/// An error if a setting of the component `found`, itself the setting `name`, is outside its range.
pub fn nested(name: &str, found: &impl Validate) -> Result<(), InvalidSetting> {
    found.validate().map_err(|setting| setting.within(name))
}

/// An error unless `found` lies in `1..=most`.
pub fn within_limit(name: &str, found: usize, most: usize) -> Result<(), InvalidSetting> {
    require((1..=most).contains(&found), name, found, format!("1 to {most}"))
}

/// An error unless it `holds` that `found` lies in the range that is `expected`, in words.
pub fn require(
    holds: bool,
    name: &str,
    found: impl fmt::Display,
    expected: impl Into<String>,
) -> Result<(), InvalidSetting> {
    if holds { Ok(()) } else { Err(InvalidSetting::new(name, found, expected)) }
}

/// Declares a struct of settings, all public: how it is read and written, its defaults, and the check of each setting.
///
/// Behind `=` stands the default, without which the setting must be given; behind the comma the check, if there is one: a
/// function of the setting's name and value. A struct whose settings all have a default has one too.
///
/// ```
/// use gradus_nn::registry::{Validate as _, positive};
///
/// gradus_nn::settings! {
///     /// A circle.
///     pub struct Circle {
///         /// Its radius in metres, above 0.
///         radius: f64 = 2.0, positive;
///     }
/// }
///
/// assert_eq!(toml::from_str("radius = 2"), Ok(Circle::default()));
/// let error = Circle { radius: 0.0 }.validate().unwrap_err();
/// assert_eq!(error.to_string(), "radius: expected a number above 0, found 0");
/// ```
#[macro_export]
macro_rules! settings {
    // A setting as it may be given, what it is unless it is given, and its value in the end.
    (@given $Type:ty) => { Option<$Type> };
    (@given $Type:ty = $default:expr) => { $Type };
    (@unless_given) => { None };
    (@unless_given = $default:expr) => { $default };
    (@value $name:ident) => {
        $name.ok_or_else(|| $crate::serde::de::Error::missing_field(stringify!($name)))?
    };
    (@value $name:ident = $default:expr) => { $name };
    // `serde` by its path in a text: a program that has it by way of another crate names that one.
    (@serde $serde:literal $($settings:tt)*) => {
        $crate::settings! { @default $serde $($settings)* }
    };
    (
        @default $serde:literal
        $(#[$meta:meta])*
        $vis:vis struct $Kind:ident {
            $($(#[$doc:meta])* $name:ident: $Type:ty = $default:expr $(, $check:expr)?;)*
        }
    ) => {
        $crate::settings! {
            @declare $serde
            $(#[$meta])*
            $vis struct $Kind { $($(#[$doc])* $name: $Type = $default $(, $check)?;)* }
        }

        impl Default for $Kind {
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }
    };
    (@default $serde:literal $($settings:tt)*) => {
        $crate::settings! { @declare $serde $($settings)* }
    };
    (
        @declare $serde:literal
        $(#[$meta:meta])*
        $vis:vis struct $Kind:ident {
            $($(#[$doc:meta])* $name:ident: $Type:ty $(= $default:expr)? $(, $check:expr)?;)*
        }
    ) => {
        #[derive(Clone, Debug, PartialEq, $crate::serde::Serialize)]
        #[serde(crate = $serde)]
        $(#[$meta])*
        $vis struct $Kind {
            $(
                $(#[$doc])*
                $(#[doc = concat!("\n\nDefault: `", stringify!($default), "`.")])?
                pub $name: $Type,
            )*
        }

        impl<'de> $crate::serde::Deserialize<'de> for $Kind {
            fn deserialize<D>(deserializer: D) -> Result<Self, D::Error>
            where
                D: $crate::serde::Deserializer<'de>,
            {
                // The settings as they may be given. Errors show the name of the struct.
                #[derive($crate::serde::Deserialize)]
                #[serde(crate = $serde, default, deny_unknown_fields)]
                struct $Kind {
                    $($(#[$doc])* $name: $crate::settings!(@given $Type $(= $default)?),)*
                }
                impl Default for $Kind {
                    fn default() -> Self {
                        Self { $($name: $crate::settings!(@unless_given $(= $default)?)),* }
                    }
                }
                let $Kind { $($name),* } = $crate::serde::Deserialize::deserialize(deserializer)?;
                Ok(Self { $($name: $crate::settings!(@value $name $(= $default)?)),* })
            }
        }

        impl $crate::registry::Settings for $Kind {
            const SETTINGS: &'static [&'static str] = &[$(stringify!($name)),*];
        }

        impl $crate::registry::Validate for $Kind {
            fn validate(&self) -> Result<(), $crate::registry::InvalidSetting> {
                $($($check(stringify!($name), &self.$name)?;)?)*
                Ok(())
            }
        }
    };
    ($($settings:tt)*) => {
        $crate::settings! { @default "serde" $($settings)* }
    };
}

/// Makes the enum of a registry from its list of `file::Kind`.
///
/// ```text
/// registry! {
///     /// The rule that turns gradients into new parameters.
///     pub enum Optimizer: dyn Optimize<T: Float> {
///         sgd::Sgd,
///         adam::Adam,
///     }
/// }
/// ```
///
/// Each kind is declared by [`settings!`] and has the registry's trait (which may be generic in one type, as above, or
/// in none). The enum has a variant per kind and one for those that a program [registers](CustomKind), `From` every kind,
/// `NAMES`, `names()`, `register()`, `name()`, `as_dyn()` and `Validate`. It is written as
/// `{ kind = "adam", beta2 = 0.99 }`, and read from that or from `"adam"`, which means `{ kind = "adam" }`: what has a
/// default may be left out, the rest is reported as missing by the kind itself.
#[macro_export]
macro_rules! registry {
    (
        @declare [$($T:ident: $Bound:ident)?] [$($Object:path),+]
        $(#[$meta:meta])*
        $vis:vis enum $Registry:ident: $Trait:ident { $($name:ident::$Kind:ident),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis enum $Registry {
            $(
                #[doc = concat!(
                    "`", stringify!($name), "`: see [`", stringify!($Kind), "`](",
                    stringify!($name), "::", stringify!($Kind), ")."
                )]
                $Kind($name::$Kind),
            )+
            /// A kind of the program, [registered](Self::register) under a name.
            Custom($crate::registry::CustomKind),
        }

        $(
            #[doc(no_inline)]
            $vis use self::$name::$Kind;
        )+

        impl $Registry {
            /// The name of every kind of the library, in the order of the list.
            $vis const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The name of every kind, those of the program at the end.
            $vis fn names() -> Vec<&'static str> {
                <Self as $crate::registry::ByKind>::names()
            }

            /// Adds a kind of the program: from now on `name` is read and written like those of the library. A name
            /// is that of one kind, and a kind has one name; the same call again changes nothing.
            ///
            /// # Errors
            ///
            /// If the name or the type is taken, the name is malformed, or a setting is called as one that all have.
            $vis fn register<K>(name: &'static str) -> Result<(), $crate::registry::RegisterError>
            where
                K: $crate::registry::Settings $(+ $Object)+,
            {
                <Self as $crate::registry::ByKind>::custom().register::<K>(name)
            }

            /// The kind's name; of a kind that is not registered the name of its type.
            $vis fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => stringify!($name),)+
                    Self::Custom(kind) => <Self as $crate::registry::ByKind>::custom().name_of(kind),
                }
            }

            #[doc = concat!("The kind behind [`", stringify!($Trait), "`].")]
            $vis fn as_dyn $(<$T: $Bound>)? (&self) -> &dyn $Trait $(<$T>)? {
                match self {
                    $(Self::$Kind(kind) => kind,)+
                    Self::Custom(kind) => kind.object::<dyn $Trait $(<$T>)? + Send + Sync>(),
                }
            }

            /// The variant of a kind of the library.
            fn of_library(kind: Box<dyn std::any::Any>) -> Option<Self> {
                $(
                    let kind = match kind.downcast() {
                        Ok(kind) => return Some(Self::$Kind(*kind)),
                        Err(kind) => kind,
                    };
                )+
                drop(kind);
                None
            }
        }

        impl $crate::registry::Validate for $Registry {
            fn validate(&self) -> Result<(), $crate::registry::InvalidSetting> {
                match self {
                    $(Self::$Kind(kind) => kind.validate(),)+
                    Self::Custom(kind) => <Self as $crate::registry::ByKind>::custom().validate(kind),
                }
            }
        }

        impl<K> From<K> for $Registry
        where
            K: $crate::registry::Settings $(+ $Object)+,
        {
            fn from(kind: K) -> Self {
                let id = std::any::TypeId::of::<K>();
                if <Self as $crate::registry::ByKind>::library_name(id).is_some() {
                    return Self::of_library(Box::new(kind)).expect("one of the list");
                }
                let kind = std::sync::Arc::new(kind);
                let objects: Vec<Box<dyn std::any::Any + Send + Sync>> = vec![$({
                    let object: std::sync::Arc<dyn $Object + Send + Sync> = kind.clone();
                    Box::new(object)
                }),+];
                Self::Custom($crate::registry::CustomKind::new(kind, objects))
            }
        }

        impl serde::Serialize for $Registry {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::registry::ByKind::serialize_with(self, &(), true, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Registry {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::registry::KindVisitor(std::marker::PhantomData))
            }
        }

        impl $crate::registry::ByKind for $Registry {
            const NAMES: &[&str] = Self::NAMES;

            fn library_name(id: std::any::TypeId) -> Option<&'static str> {
                $(
                    if id == std::any::TypeId::of::<$name::$Kind>() {
                        return Some(stringify!($name));
                    }
                )+
                None
            }

            fn custom() -> &'static $crate::registry::CustomKinds<Self> {
                static CUSTOM: $crate::registry::CustomKinds<$Registry> =
                    $crate::registry::CustomKinds::new();
                &CUSTOM
            }

            fn settings(name: &str) -> &'static [&'static str] {
                match name {
                    $(stringify!($name) => <$name::$Kind as $crate::registry::Settings>::SETTINGS,)+
                    _ => Self::custom().settings(name),
                }
            }

            fn read<'de, A>(name: &str, settings: A) -> Result<Self, A::Error>
            where
                A: serde::de::MapAccess<'de>,
            {
                let from = serde::de::value::MapAccessDeserializer::new;
                match name {
                    $(
                        stringify!($name) => {
                            serde::Deserialize::deserialize(from(settings)).map(Self::$Kind)
                        }
                    )+
                    _ => Self::custom().read(name, settings),
                }
            }

            fn serialize_with<C, S>(
                &self,
                others: &C,
                is_alone: bool,
                serializer: S,
            ) -> Result<S::Ok, S::Error>
            where
                C: serde::Serialize,
                S: serde::Serializer,
            {
                let kind = self.name();
                match self {
                    _ if is_alone && Self::settings(kind).is_empty() => serializer.serialize_str(kind),
                    $(
                        Self::$Kind(settings) => serde::Serialize::serialize(
                            &$crate::registry::KindTable { kind, settings, others },
                            serializer,
                        ),
                    )+
                    Self::Custom(settings) => {
                        let settings = &settings.table().map_err(serde::ser::Error::custom)?;
                        serde::Serialize::serialize(
                            &$crate::registry::KindTable { kind, settings, others },
                            serializer,
                        )
                    }
                }
            }
        }
    };
    (
        $(#[$meta:meta])*
        $vis:vis enum $Registry:ident: dyn $Trait:ident<$T:ident: $Bound:ident> { $($kinds:tt)* }
    ) => {
        $crate::registry! {
            @declare [$T: $Bound] [$Trait<f32>, $Trait<f64>]
            $(#[$meta])*
            $vis enum $Registry: $Trait { $($kinds)* }
        }
    };
    ($(#[$meta:meta])* $vis:vis enum $Registry:ident: dyn $Trait:ident { $($kinds:tt)* }) => {
        $crate::registry! {
            @declare [] [$Trait]
            $(#[$meta])*
            $vis enum $Registry: $Trait { $($kinds)* }
        }
    };
}

/// What [`registry!`] tells the readers and writers of kinds.
#[doc(hidden)]
pub trait ByKind: Sized + 'static {
    const NAMES: &'static [&'static str];

    /// The name of a kind of the library, from its type.
    fn library_name(id: TypeId) -> Option<&'static str>;

    /// The kinds of the program.
    fn custom() -> &'static CustomKinds<Self>;

    /// The name of every kind.
    fn names() -> Vec<&'static str> {
        [Self::NAMES, &Self::custom().names()].concat()
    }

    /// The names of the settings of a kind.
    fn settings(name: &str) -> &'static [&'static str];

    /// Reads the settings of a kind.
    fn read<'de, A: MapAccess<'de>>(name: &str, settings: A) -> Result<Self, A::Error>;

    /// Writes the kind, its settings and `others` as one table; the name only, if it `is_alone` and has no settings.
    fn serialize_with<C: serde::Serialize, S: serde::Serializer>(
        &self,
        others: &C,
        is_alone: bool,
        serializer: S,
    ) -> Result<S::Ok, S::Error>;
}

/// A component and what stands beside its settings, as one table.
#[doc(hidden)]
#[derive(Debug, serde::Serialize)]
pub struct KindTable<'a, K, C> {
    pub kind: &'a str,
    #[serde(flatten)]
    pub settings: &'a K,
    #[serde(flatten)]
    pub others: &'a C,
}

/// Reads `"adam"` and `{ kind = "adam", … }`.
#[doc(hidden)]
#[derive(Debug)]
pub struct KindVisitor<R>(pub PhantomData<R>);

impl<'de, R: ByKind> Visitor<'de> for KindVisitor<R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name such as \"{0}\" or a table such as {{ kind = \"{0}\" }}", R::NAMES[0])
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<R, E> {
        // A map of `()`: with strings, all that reads settings would be compiled once more, for strings.
        let no_settings = MapDeserializer::new(iter::empty::<((), ())>());
        R::read(name, no_settings)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<R, A::Error> {
        R::read(next_kind::<R, A>(&mut map)?, map)
    }
}

/// Reads the first entry of a table, which is its kind: only then is it known what the others mean.
pub(crate) fn next_kind<'de, R, A>(map: &mut A) -> Result<&'static str, A::Error>
where
    R: ByKind,
    A: MapAccess<'de>,
{
    let fault = |key: &str| format!("expected `kind` first, found `{key}`");
    map.next_key_seed(OneOf(&["kind"], fault))?.ok_or_else(|| A::Error::missing_field("kind"))?;
    map.next_value_seed(OneOf(&R::names(), unknown_kind::<R>))
}

/// A text that is one of these, and what to say of another. An error here is one of the text, whose place the reader
/// reports.
struct OneOf<'a, F>(&'a [&'static str], F);

impl<F: Fn(&str) -> String> Visitor<'_> for OneOf<'_, F> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<&'static str, E> {
        let known = self.0.iter().find(|known| **known == found);
        known.copied().ok_or_else(|| E::custom((self.1)(found)))
    }
}

impl<'de, F: Fn(&str) -> String> DeserializeSeed<'de> for OneOf<'_, F> {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        deserializer.deserialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use crate::Loss;
    use crate::init::Initializer;
    use crate::optim::{Optimizer, adam::Adam, sgd::Sgd};
    use crate::schedule::Schedule;

    #[derive(Debug, Deserialize)]
    struct OptimizerFile {
        optimizer: Optimizer,
    }

    fn read(toml: &str) -> Optimizer {
        toml::from_str::<OptimizerFile>(toml).unwrap_or_else(|e| panic!("{toml}\n{e}")).optimizer
    }

    /// The line (from 1), the text and the message of the mistake in `toml`.
    fn mistake(toml: &str) -> (usize, &str, String) {
        let error = toml::from_str::<OptimizerFile>(toml).expect_err(toml);
        let span = error.span().expect("the error knows its place");
        let line = 1 + toml[..span.start].matches('\n').count();
        assert!(error.to_string().contains(&format!("line {line}, column")), "{error}");
        (line, &toml[span], error.message().to_owned())
    }

    #[test]
    fn a_kind_is_read_from_a_name_a_table_and_a_section() {
        let adam = Optimizer::from(Adam { beta2: 0.99, ..Adam::default() });
        assert_eq!(read("optimizer = 'adam'"), Adam::default().into());
        assert_eq!(read("optimizer = { kind = 'adam' }"), Adam::default().into());
        assert_eq!(read("optimizer = { kind = 'adam', beta2 = 0.99 }"), adam);
        assert_eq!(read("[optimizer]\nkind = 'adam'\nbeta2 = 0.99"), adam);
        assert_eq!(read("optimizer.kind = 'sgd'"), Sgd {}.into());
    }

    #[test]
    fn mistakes_are_reported_where_they_stand() {
        let names = Optimizer::NAMES.join("`, `");
        let kind = format!("unknown variant `adan`, expected one of `{names}`");
        let kind = &kind[..];
        let setting = "unknown field `beta3`, expected one of `beta1`, `beta2`, `epsilon`";
        let number = "invalid type: string \"high\", expected f64";
        for (toml, line, text, message) in [
            ("\n\noptimizer = 'adan'", 3, "'adan'", kind),
            ("\noptimizer = { kind = 'adan' }", 2, "'adan'", kind),
            ("\n[optimizer]\nkind = 'adan'\nbeta1 = 0.9", 3, "'adan'", kind),
            ("\noptimizer = { kind = 'adam', beta1 = 0.8, beta3 = 0.9 }", 2, "beta3", setting),
            ("[optimizer]\nkind = 'adam'\n\nbeta3 = 0.9", 4, "beta3", setting),
            ("[optimizer]\nkind = 'adam'\nbeta1 = 'high'", 3, "'high'", number),
            ("optimizer = {}", 1, "{}", "missing field `kind`"),
            ("optimizer = { adam = {} }", 1, "adam", "expected `kind` first, found `adam`"),
            ("optimizer = { kind = 3 }", 1, "3", "invalid type: integer `3`, expected a name"),
        ] {
            assert_eq!(mistake(toml), (line, text, message.to_owned()), "{toml}");
        }
        let message = "invalid type: integer `3`, \
             expected a name such as \"sgd\" or a table such as { kind = \"sgd\" }";
        assert_eq!(mistake("optimizer = 3"), (1, "3", message.to_owned()));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for name in Optimizer::NAMES {
            let optimizer = read(&format!("optimizer = '{name}'"));
            assert_eq!(optimizer.name(), *name);
            let written = toml::to_string(&BTreeMap::from([("optimizer", &optimizer)])).unwrap();
            assert!(
                written == format!("optimizer = \"{name}\"\n")
                    || written.starts_with(&format!("[optimizer]\nkind = \"{name}\"\n")),
                "{written}"
            );
            assert_eq!(read(&written), optimizer);
        }
    }

    mod needy {
        crate::settings! {
            /// A kind with a setting without default.
            pub(super) struct Needy {
                factor: f64 = 2.0, super::positive;
                /// That setting.
                units: usize;
                is_first: bool = true;
            }
        }
    }

    trait Anything {}
    impl Anything for needy::Needy {}

    registry! {
        enum NeedyKind: dyn Anything { needy::Needy }
    }

    #[test]
    fn a_name_alone_is_not_enough_where_a_setting_has_no_default() {
        let error = toml::from_str::<BTreeMap<String, NeedyKind>>("layer = 'needy'").unwrap_err();
        assert_eq!(error.message(), "missing field `units`");
        let text = "layer = { kind = 'needy', units = 3 }";
        let read = toml::from_str::<BTreeMap<String, NeedyKind>>(text);
        let layer = &read.unwrap()["layer"];
        assert_eq!(layer.name(), "needy");
        assert_eq!(*layer, Needy { factor: 2.0, units: 3, is_first: true }.into());
        assert_eq!(
            refusal::<NeedyKind>("kind = 'needy'\nunits = 3\nfactor = 0").as_deref(),
            Some("factor: expected a number above 0, found 0")
        );
        assert_eq!(NeedyKind::names(), NeedyKind::NAMES);
        let taken = RegisterError::TypeTaken { name: "other", other: "needy" };
        assert_eq!(NeedyKind::register::<Needy>("other"), Err(taken));
        let _: &dyn Anything = layer.as_dyn();
    }

    /// The refusal of the kind in `toml`, if it is refused.
    fn refusal<R: DeserializeOwned + Validate>(toml: &str) -> Option<String> {
        let kind: R = toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}\n{error}"));
        kind.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn every_default_is_valid() {
        let default = |name: &&str| format!("kind = '{name}'");
        let optimizers = Optimizer::NAMES.iter().map(default);
        let mut refused: Vec<_> =
            optimizers.filter_map(|toml| refusal::<Optimizer>(&toml)).collect();
        let initializers = Initializer::NAMES.iter().map(default);
        refused.extend(initializers.filter_map(|toml| refusal::<Initializer>(&toml)));
        assert_eq!(refused, [""; 0]);
    }

    #[test]
    fn settings_outside_their_range_are_refused_by_name() {
        type Refusal = fn(&str) -> Option<String>;
        let (initializer, loss): (Refusal, Refusal) = (refusal::<Initializer>, refusal::<Loss>);
        let (optimizer, schedule): (Refusal, Refusal) = (refusal::<Optimizer>, refusal::<Schedule>);
        let share = "expected a number from 0 to below 1";
        let positive = "expected a number above 0";
        let cases = [
            (initializer, "kind = 'constant'\nvalue = inf", "expected a finite number"),
            (initializer, "kind = 'normal'\ndeviation = 0", positive),
            (initializer, "kind = 'truncated_normal'\ndeviation = -1", positive),
            (
                initializer,
                "kind = 'uniform'\nlow = 0.5\nhigh = 0.5",
                "expected a number above low = 0.5",
            ),
            (initializer, "kind = 'orthogonal'\ngain = 0", positive),
            (initializer, "kind = 'orthogonal'\ngain = inf", positive),
            (loss, "kind = 'huber'\ndelta = 0", positive),
            (loss, "kind = 'huber'\ndelta = -1", positive),
            (optimizer, "kind = 'momentum'\nmomentum = 1", share),
            (optimizer, "kind = 'nesterov'\nmomentum = -0.1", share),
            (optimizer, "kind = 'adagrad'\nepsilon = 0", positive),
            (optimizer, "kind = 'rmsprop'\ndecay = 1", share),
            (optimizer, "kind = 'adam'\nbeta1 = 1", share),
            (optimizer, "kind = 'adam'\nbeta2 = -0.1", share),
            (optimizer, "kind = 'adam'\nepsilon = 0", positive),
            (optimizer, "kind = 'adamw'\nweight_decay = -0.1", "expected a number of at least 0"),
            (optimizer, "kind = 'adadelta'\ndecay = 1", share),
            (optimizer, "kind = 'adadelta'\nepsilon = 0", positive),
            (optimizer, "kind = 'nadam'\nbeta1 = 1", share),
            (optimizer, "kind = 'nadam'\nmomentum_decay = -1", "expected a number of at least 0"),
            (optimizer, "kind = 'radam'\nbeta2 = 1", share),
            (optimizer, "kind = 'lion'\nbeta2 = 1", share),
            (optimizer, "kind = 'lion'\nweight_decay = inf", "expected a number of at least 0"),
            (optimizer, "kind = 'muon'\nmomentum = 1", share),
            (optimizer, "kind = 'muon'\nadamw_learning_rate_factor = 0", positive),
            (schedule, "kind = 'constant'\nlearning_rate = -0.1", positive),
            (schedule, "kind = 'step'\nevery = 0", "expected 1 or more"),
            (schedule, "kind = 'exponential'\nfloor = -0.1", "expected a number of at least 0"),
            (schedule, "kind = 'exponential'\namplitude = 0", positive),
            (schedule, "kind = 'exponential'\ndecay_steps = 0", "expected 1 or more"),
            (schedule, "kind = 'cosine'\nsteps = 0", "expected 1 or more"),
            (schedule, "kind = 'linear'\nstart = 0", positive),
            (schedule, "kind = 'linear'\nsteps = 0", "expected 1 or more"),
            (schedule, "kind = 'one_cycle'\nmax_learning_rate = 0", positive),
            (schedule, "kind = 'one_cycle'\ndiv_factor = 0", positive),
            (schedule, "kind = 'one_cycle'\npct_start = 1", share),
            (schedule, "kind = 'one_cycle'\nbase_momentum = 1", share),
            (schedule, "kind = 'one_cycle'\nsteps = 0", "expected 1 or more"),
            (schedule, "kind = 'log_cosine'\nmax_learning_rate = 0", positive),
            (schedule, "kind = 'log_cosine'\ncycles = 17", "expected 1 to 16"),
        ];
        for (refusal, toml, expected) in cases {
            // The last setting of the text is the one outside.
            let last = toml.lines().last().expect(toml);
            let (name, found) = last.split_once(" = ").expect(toml);
            assert_eq!(refusal(toml), Some(format!("{name}: {expected}, found {found}")), "{toml}");
        }
        let nested = "kind = 'warmup'\nthen = { kind = 'constant', learning_rate = 0 }";
        let message = format!("then.learning_rate: {positive}, found 0");
        assert_eq!(schedule(nested), Some(message), "with its path");
    }

    #[test]
    fn ranges_end_where_they_say_and_a_setting_outside_says_name_range_and_value() {
        type RangeCheck = fn(&str, &f64) -> Result<(), InvalidSetting>;
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        let cases: [(RangeCheck, &[f64], &[f64]); 4] = [
            (finite, &[-1e300, 0.0], &[inf, -inf, nan]),
            (positive, &[1e-300, 1e300], &[0.0, -1.0, inf, nan]),
            (not_negative, &[0.0, 1e300], &[-1e-300, inf, nan]),
            (fraction, &[0.0, 0.999], &[1.0, -1e-300, nan]),
        ];
        for (check, inside, outside) in cases {
            assert!(inside.iter().all(|v| check("x", v).is_ok()), "{inside:?}");
            assert!(outside.iter().all(|v| check("x", v).is_err()), "{outside:?}");
        }
        let error = positive("learning_rate", &-0.1).unwrap_err();
        assert_eq!(error.to_string(), "learning_rate: expected a number above 0, found -0.1");
        let error = fraction("beta1", &1.0).unwrap_err().within("adam");
        assert_eq!(error.to_string(), "adam.beta1: expected a number from 0 to below 1, found 1");
    }
}
