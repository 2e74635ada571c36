//! Registries: components that are chosen by name, and the check of their settings.
//!
//! A registry (layers, losses, optimizers, schedules, initializers) is a folder with one file per kind.
//! Its list is written once, in `registry!`, and the name of a kind is the name of its file.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::marker::PhantomData;

use serde::de::value::MapDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};

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
    if holds {
        return Ok(());
    }
    Err(InvalidSetting { name: name.into(), found: found.to_string(), expected: expected.into() })
}

/// Declares a struct of settings, all public: how it is read and written, its defaults, and the check of each setting.
///
/// Behind `=` stands the default, behind the comma the check, if there is one: a function of the setting's name and
/// value. A struct with a setting that must be given has no `=` at all, but `#[serde(default)]` where there is a default.
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
    (
        $(#[$meta:meta])*
        $vis:vis struct $Kind:ident {
            $($(#[$doc:meta])* $name:ident: $Type:ty = $default:expr $(, $check:expr)?;)*
        }
    ) => {
        $crate::settings! {
            @declare
            $(#[$meta])*
            #[serde(default)]
            $vis struct $Kind {
                $(
                    $(#[$doc])*
                    #[doc = concat!("\n\nDefault: `", stringify!($default), "`.")]
                    $name: $Type $(, $check)?;
                )*
            }
        }

        impl Default for $Kind {
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis struct $Kind:ident { $($settings:tt)* }) => {
        $crate::settings! { @declare $(#[$meta])* $vis struct $Kind { $($settings)* } }
    };
    (
        @declare
        $(#[$meta:meta])*
        $vis:vis struct $Kind:ident { $($(#[$doc:meta])* $name:ident: $Type:ty $(, $check:expr)?;)* }
    ) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        $vis struct $Kind {
            $($(#[$doc])* pub $name: $Type,)*
        }

        impl $crate::registry::Validate for $Kind {
            fn validate(&self) -> Result<(), $crate::registry::InvalidSetting> {
                $($($check(stringify!($name), &self.$name)?;)?)*
                Ok(())
            }
        }
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
/// in none). The enum has a variant per kind, a `From` per kind, `NAMES`, `name()`, `as_dyn()` and `Validate`. It is
/// written as `{ adam = { beta2 = 0.99 } }`, and read from that or from `"adam"`, which means `{ adam = {} }`:
/// what has a default may be left out, the rest is reported as missing by the kind itself.
macro_rules! registry {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Registry:ident: dyn $Trait:ident $(<$T:ident: $Bound:ident>)? {
            $($name:ident::$Kind:ident),+ $(,)?
        }
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
        }

        impl $Registry {
            /// The name of every kind, in the order of the list.
            $vis const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// The kind's name.
            $vis fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind(_) => stringify!($name),)+
                }
            }

            #[doc = concat!("The kind behind [`", stringify!($Trait), "`].")]
            $vis fn as_dyn $(<$T: $Bound>)? (&self) -> &dyn $Trait $(<$T>)? {
                match self {
                    $(Self::$Kind(kind) => kind,)+
                }
            }
        }

        impl $crate::registry::Validate for $Registry {
            fn validate(&self) -> Result<(), $crate::registry::InvalidSetting> {
                match self {
                    $(Self::$Kind(kind) => kind.validate(),)+
                }
            }
        }

        $(
            impl From<$name::$Kind> for $Registry {
                fn from(kind: $name::$Kind) -> Self {
                    Self::$Kind(kind)
                }
            }
        )+

        impl serde::Serialize for $Registry {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$Kind(kind) => serializer.collect_map([(stringify!($name), kind)]),)+
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $Registry {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::registry::KindVisitor(std::marker::PhantomData))
            }
        }

        impl $crate::registry::ByName for $Registry {
            const NAMES: &[&str] = Self::NAMES;

            fn next_kind<'de, A: serde::de::MapAccess<'de>>(
                map: &mut A,
            ) -> Result<Option<Self>, A::Error> {
                // A type for the key, so that an unknown name is an error of the key (whose place in the file the
                // reader then reports) and not of the whole table.
                #[derive(serde::Deserialize)]
                #[allow(non_camel_case_types)]
                enum Name {
                    $($name),+
                }
                Ok(match map.next_key()? {
                    $(Some(Name::$name) => Some(Self::$Kind(map.next_value()?)),)+
                    None => None,
                })
            }
        }
    };
}
pub(crate) use registry;

/// What [`registry!`] tells [`KindVisitor`].
pub(crate) trait ByName: Sized {
    const NAMES: &'static [&'static str];

    /// Reads the next name with the settings of its kind, if there is one.
    fn next_kind<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Self>, A::Error>;
}

/// Reads `"adam"` and `{ adam = { … } }`.
pub(crate) struct KindVisitor<R>(pub(crate) PhantomData<R>);

impl<'de, R: ByName> Visitor<'de> for KindVisitor<R> {
    type Value = R;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name such as \"{0}\" or a table such as {{ {0} = {{}} }}", R::NAMES[0])
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<R, E> {
        // A map of `()`: with strings, all that reads settings would be compiled once more, for strings.
        let no_settings = BTreeMap::<&str, ()>::new();
        self.visit_map(MapDeserializer::new(iter::once((name, no_settings))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<R, A::Error> {
        match (R::next_kind(&mut map)?, map.next_key::<IgnoredAny>()?) {
            (Some(kind), None) => Ok(kind),
            (None, _) => Err(Error::invalid_length(0, &self)),
            (Some(_), Some(_)) => Err(Error::invalid_length(2, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

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
        assert_eq!(read("optimizer = { adam = {} }"), Adam::default().into());
        assert_eq!(read("optimizer = { adam = { beta2 = 0.99 } }"), adam);
        assert_eq!(read("[optimizer.adam]\nbeta2 = 0.99"), adam);
        assert_eq!(read("optimizer.sgd = {}"), Sgd {}.into());
    }

    #[test]
    fn mistakes_are_reported_where_they_stand() {
        let kind = "unknown variant `adan`, expected one of \
             `sgd`, `momentum`, `nesterov`, `adagrad`, `rmsprop`, `adam`, `adamw`";
        let setting = "unknown field `beta3`, expected one of `beta1`, `beta2`, `epsilon`";
        let number = "invalid type: string \"high\", expected f64";
        for (toml, line, text, message) in [
            ("\n\noptimizer = 'adan'", 3, "'adan'", kind),
            ("\noptimizer = { adan = {} }", 2, "adan", kind),
            ("\n[optimizer.adan]\nbeta1 = 0.9", 2, "adan", kind),
            ("\noptimizer = { adam = { beta1 = 0.8, beta3 = 0.9 } }", 2, "beta3", setting),
            ("[optimizer.adam]\n\nbeta3 = 0.9", 3, "beta3", setting),
            ("[optimizer.adam]\nbeta1 = 'high'", 2, "'high'", number),
        ] {
            assert_eq!(mistake(toml), (line, text, message.to_owned()), "{toml}");
        }
        let expected = "expected a name such as \"sgd\" or a table such as { sgd = {} }";
        for (text, fault) in [
            ("{}", "invalid length 0"),
            ("{sgd={},adam={}}", "invalid length 2"),
            ("3", "invalid type: integer `3`"),
        ] {
            let toml = format!("optimizer = {text}");
            assert_eq!(mistake(&toml), (1, text, format!("{fault}, {expected}")));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for name in Optimizer::NAMES {
            let optimizer = read(&format!("optimizer = '{name}'"));
            assert_eq!(optimizer.name(), *name);
            let written = toml::to_string(&BTreeMap::from([("optimizer", &optimizer)])).unwrap();
            assert!(written.starts_with(&format!("[optimizer.{name}]\n")), "{written}");
            assert_eq!(read(&written), optimizer);
        }
    }

    mod needy {
        crate::settings! {
            /// A kind with a setting without default.
            pub(super) struct Needy {
                /// That setting.
                units: usize;
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
        let read =
            toml::from_str::<BTreeMap<String, NeedyKind>>("layer = { needy = { units = 3 } }");
        let layer = &read.unwrap()["layer"];
        assert_eq!(layer.name(), "needy");
        let _: &dyn Anything = layer.as_dyn();
    }

    /// The refusal of the kind in `toml`, if it is refused.
    fn refusal<R: DeserializeOwned + Validate>(toml: &str) -> Option<String> {
        let kind: R = toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}\n{error}"));
        kind.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn every_default_is_valid() {
        let default = |name: &&str| format!("{name} = {{}}");
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
        let initializer: Refusal = refusal::<Initializer>;
        let (optimizer, schedule): (Refusal, Refusal) = (refusal::<Optimizer>, refusal::<Schedule>);
        let share = "expected a number from 0 to below 1";
        let positive = "expected a number above 0";
        let cases = [
            (initializer, "constant = { value = inf }", "expected a finite number"),
            (initializer, "normal = { deviation = 0 }", positive),
            (initializer, "truncated_normal = { deviation = -1 }", positive),
            (
                initializer,
                "uniform = { low = 0.5, high = 0.5 }",
                "expected a number above low = 0.5",
            ),
            (optimizer, "momentum = { momentum = 1 }", share),
            (optimizer, "nesterov = { momentum = -0.1 }", share),
            (optimizer, "adagrad = { epsilon = 0 }", positive),
            (optimizer, "rmsprop = { decay = 1 }", share),
            (optimizer, "adam = { beta1 = 1 }", share),
            (optimizer, "adam = { beta2 = -0.1 }", share),
            (optimizer, "adam = { epsilon = 0 }", positive),
            (optimizer, "adamw = { weight_decay = -0.1 }", "expected a number of at least 0"),
            (schedule, "constant = { learning_rate = -0.1 }", positive),
            (schedule, "step = { every = 0 }", "expected 1 or more"),
            (schedule, "exponential = { floor = -0.1 }", "expected a number of at least 0"),
            (schedule, "exponential = { amplitude = 0 }", positive),
            (schedule, "exponential = { decay_steps = 0 }", "expected 1 or more"),
            (schedule, "cosine = { steps = 0 }", "expected 1 or more"),
        ];
        for (refusal, toml, expected) in cases {
            // The last setting of the text is the one outside.
            let (settings, found) = toml.trim_end_matches(" }").rsplit_once(" = ").expect(toml);
            let name = settings.rsplit(' ').next().expect(toml);
            assert_eq!(refusal(toml), Some(format!("{name}: {expected}, found {found}")), "{toml}");
        }
        let nested = "warmup = { then = { constant = { learning_rate = 0 } } }";
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
