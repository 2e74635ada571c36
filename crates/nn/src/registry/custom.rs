//! Kinds that a program adds to a registry.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, MapAccess};

use super::{ByKind, InvalidSetting, OneOf, Validate};

/// The settings of a kind, as `settings!` declares them.
pub trait Settings:
    Validate + Serialize + DeserializeOwned + fmt::Debug + PartialEq + Send + Sync + 'static
{
    /// Their names.
    const SETTINGS: &'static [&'static str];
}

/// Why a kind cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not one that a kind may have.
    #[error("{0:?}: expected a name of small letters, digits and `_` that begins with a letter")]
    Name(&'static str),
    /// Another kind has the name.
    #[error("`{0}`: expected a name that no other one has, found one in use")]
    NameTaken(&'static str),
    /// The type is registered already, under another name.
    #[error(
        "kind `{name}`: expected a type without a name, found one that is registered as `{other}`"
    )]
    TypeTaken {
        /// The new name.
        name: &'static str,
        /// The name it has.
        other: &'static str,
    },
    /// A setting is called like one that every component or every layer has.
    #[error("kind `{name}`: expected other settings than {}, found `{setting}`", RESERVED.join(", "))]
    Setting {
        /// The kind.
        name: &'static str,
        /// The setting.
        setting: &'static str,
    },
}

impl RegisterError {
    /// An error unless `name` is one that a kind or a metric may have.
    pub fn check_name(name: &'static str) -> Result<(), Self> {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && name.chars().all(is_part) { Ok(()) } else { Err(Self::Name(name)) }
    }
}

/// What a table may hold beside the settings of its kind.
const RESERVED: &[&str] = &["kind", "name", "from", "freeze", "learning_rate_factor"];

/// A kind of a program, which need not be registered before it is written or read by name.
#[derive(Clone)]
pub struct CustomKind {
    settings: Arc<dyn AnySettings>,
    /// The same behind the trait of the registry, for each type of numbers: an `Arc<D>` each.
    objects: Arc<[Object]>,
}

type Object = Box<dyn Any + Send + Sync>;

impl CustomKind {
    #[doc(hidden)]
    pub fn new<K: Settings>(settings: Arc<K>, objects: impl Into<Arc<[Object]>>) -> Self {
        Self { settings, objects: objects.into() }
    }

    /// The settings, if they are of the type `K`.
    pub fn downcast_ref<K: Settings>(&self) -> Option<&K> {
        let settings: &dyn Any = &*self.settings;
        settings.downcast_ref()
    }

    /// The settings as a table.
    ///
    /// # Errors
    ///
    /// If TOML cannot hold one of them.
    pub fn table(&self) -> Result<toml::Table, toml::ser::Error> {
        self.settings.table()
    }

    #[doc(hidden)]
    pub fn object<D: ?Sized + 'static>(&self) -> &D {
        let mut objects = self.objects.iter();
        let found = objects.find_map(|object| object.downcast_ref::<Arc<D>>());
        found.expect("made for each type of numbers")
    }
}

impl PartialEq for CustomKind {
    fn eq(&self, other: &Self) -> bool {
        self.settings.equals(&*other.settings)
    }
}

impl fmt::Debug for CustomKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// Settings of any type.
trait AnySettings: Any + fmt::Debug + Send + Sync {
    fn equals(&self, other: &dyn Any) -> bool;
    fn table(&self) -> Result<toml::Table, toml::ser::Error>;
    fn check(&self) -> Result<(), InvalidSetting>;
    fn type_name(&self) -> &'static str;
}

impl<K: Settings> AnySettings for K {
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref() == Some(self)
    }

    fn table(&self) -> Result<toml::Table, toml::ser::Error> {
        toml::Table::try_from(self)
    }

    fn check(&self) -> Result<(), InvalidSetting> {
        self.validate()
    }

    fn type_name(&self) -> &'static str {
        type_name::<K>()
    }
}

/// The kinds that a program added to a registry `R`.
#[doc(hidden)]
#[derive(Debug)]
pub struct CustomKinds<R>(RwLock<Vec<Entry<R>>>);

#[derive(Debug)]
struct Entry<R> {
    name: &'static str,
    type_id: TypeId,
    settings: &'static [&'static str],
    read: fn(toml::Table) -> Result<R, toml::de::Error>,
}

impl<R: ByKind> CustomKinds<R> {
    #[expect(clippy::new_without_default, reason = "made as a static only")]
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    pub fn register<K: Settings + Into<R>>(&self, name: &'static str) -> Result<(), RegisterError> {
        RegisterError::check_name(name)?;
        if let Some(setting) = K::SETTINGS.iter().find(|setting| RESERVED.contains(setting)) {
            return Err(RegisterError::Setting { name, setting });
        }
        let type_id = TypeId::of::<K>();
        if let Some(other) = R::library_name(type_id) {
            return Err(RegisterError::TypeTaken { name, other });
        }
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match entries.iter().find(|entry| entry.type_id == type_id || entry.name == name) {
            // Two parts of a program may both see to it that a kind is known.
            Some(entry) if entry.type_id == type_id && entry.name == name => Ok(()),
            Some(entry) if entry.type_id == type_id => {
                Err(RegisterError::TypeTaken { name, other: entry.name })
            }
            Some(_) => Err(RegisterError::NameTaken(name)),
            None if R::NAMES.contains(&name) => Err(RegisterError::NameTaken(name)),
            None => {
                let read = |table| K::deserialize(table).map(K::into);
                entries.push(Entry { name, type_id, settings: K::SETTINGS, read });
                Ok(())
            }
        }
    }

    fn find<T>(
        &self,
        is_wanted: impl Fn(&Entry<R>) -> bool,
        get: impl Fn(&Entry<R>) -> T,
    ) -> Option<T> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| is_wanted(entry)).map(get)
    }

    /// Their names, in the order in which they were added.
    pub fn names(&self) -> Vec<&'static str> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|entry| entry.name).collect()
    }

    /// The names of the settings of a kind; none of a kind that is not here.
    pub fn settings(&self, name: &str) -> &'static [&'static str] {
        self.find(|entry| entry.name == name, |entry| entry.settings).unwrap_or_default()
    }

    /// The name of a kind, or that of its type if it is not here.
    pub fn name_of(&self, kind: &CustomKind) -> &'static str {
        let settings: &dyn Any = &*kind.settings;
        let type_id = settings.type_id();
        let name = self.find(|entry| entry.type_id == type_id, |entry| entry.name);
        name.unwrap_or_else(|| kind.settings.type_name())
    }

    /// Checks the settings of a kind, and that it can be read back.
    pub fn validate(&self, kind: &CustomKind) -> Result<(), InvalidSetting> {
        let type_name = kind.settings.type_name();
        if self.name_of(kind) == type_name {
            let expected = "a kind with a name: call `register` once when the program starts";
            return Err(InvalidSetting::new("kind", type_name, expected));
        }
        kind.settings.check()?;
        let fault = |error| InvalidSetting::new("kind", error, "settings that TOML can hold");
        kind.table().map(drop).map_err(fault)
    }

    pub fn read<'de, A: MapAccess<'de>>(&self, name: &str, mut given: A) -> Result<R, A::Error> {
        let entry = self.find(|entry| entry.name == name, |entry| (entry.read, entry.settings));
        let (read, known) = entry.ok_or_else(|| A::Error::custom(unknown_kind::<R>(name)))?;
        let unknown = |setting: &str| unknown_setting(setting, known);
        let mut table = toml::Table::new();
        while let Some(setting) = given.next_key_seed(OneOf(known, unknown))? {
            table.insert(setting.to_owned(), given.next_value()?);
        }
        // The text ends with the path of the wrong setting: the table has no place in a file any more.
        read(table).map_err(|error| A::Error::custom(error.to_string().trim_end()))
    }
}

/// What to say of a kind that a registry does not have.
pub(crate) fn unknown_kind<R: ByKind>(name: &str) -> String {
    format!("unknown variant `{name}`, expected one of {}", listed(&R::names()))
}

/// What to say of a setting that a kind does not have.
pub(crate) fn unknown_setting(name: &str, known: &[&str]) -> String {
    match known {
        [] => format!("unknown field `{name}`, there are no fields"),
        known => format!("unknown field `{name}`, expected one of {}", listed(known)),
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::optim::{Optimizer, adam::Adam};
    use crate::registry::positive;
    use crate::schedule::{LearningRate, Schedule, StepOf, warmup::Warmup};

    crate::settings! {
        /// A rate that falls by the square root of the steps.
        struct Root {
            /// The first rate.
            start: f64 = 0.5, positive;
        }
    }

    impl LearningRate for Root {
        fn learning_rate(&self, at: StepOf) -> f64 {
            self.start / (1.0 + at.step as f64).sqrt()
        }
    }

    fn read(toml: &str) -> Result<Schedule, toml::de::Error> {
        toml::from_str::<BTreeMap<String, Schedule>>(toml).map(|mut file| file.remove("x").unwrap())
    }

    #[test]
    fn a_registered_kind_is_read_written_checked_and_used_like_any_other() {
        let root = Schedule::from(Root { start: 2.0 });
        Schedule::register::<Root>("root").unwrap();
        assert_eq!(read("x = { kind = 'root', start = 2 }"), Ok(root.clone()));
        assert_eq!(read("x = 'root'"), Ok(Root::default().into()));
        assert_ne!(root, Root::default().into());
        assert_eq!(
            (root.name(), root.as_dyn().learning_rate(StepOf { step: 3, steps: 10 })),
            ("root", 1.0)
        );
        let nested = Schedule::from(Warmup { steps: 4, then: Box::new(root.clone()) });
        let text = toml::to_string(&BTreeMap::from([("x", &nested)])).unwrap();
        assert_eq!(read(&text), Ok(nested), "{text}");
        let Schedule::Custom(kind) = &root else { panic!("{root:?}") };
        assert_eq!(kind.downcast_ref(), Some(&Root { start: 2.0 }));
        assert_eq!(kind.downcast_ref::<Adam>(), None);
        let refused = Schedule::from(Root { start: 0.0 }).validate().unwrap_err();
        assert_eq!(refused.to_string(), "start: expected a number above 0, found 0");
        let message = |toml: &str| read(toml).unwrap_err().message().to_owned();
        assert_eq!(
            message("x = { kind = 'root', end = 1 }"),
            "unknown field `end`, expected one of `start`"
        );
        assert!(message("x = 'rot'").ends_with("`root`"), "{}", message("x = 'rot'"));
        assert_eq!(Schedule::register::<Root>("root"), Ok(()), "twice is the same");
    }

    crate::settings! {
        struct Nameless {}
    }

    crate::settings! {
        struct Freezing {
            freeze: bool = true;
        }
    }

    crate::settings! {
        struct Late {}
    }

    macro_rules! always_one {
        ($($Kind:ident),+) => {
            $(
                impl LearningRate for $Kind {
                    fn learning_rate(&self, _: StepOf) -> f64 {
                        1.0
                    }
                }
            )+
        };
    }
    always_one!(Nameless, Freezing, Late);

    #[test]
    fn names_are_unique_and_a_kind_without_one_is_refused() {
        let taken = RegisterError::NameTaken("cosine");
        assert_eq!(Schedule::register::<Nameless>("cosine"), Err(taken));
        for name in ["", "2x", "Root", "a b", "wurzel.2", "ö"] {
            let refused = Schedule::register::<Nameless>(name);
            assert_eq!(refused, Err(RegisterError::Name(name)));
        }
        let setting = RegisterError::Setting { name: "freezing", setting: "freeze" };
        assert_eq!(Schedule::register::<Freezing>("freezing"), Err(setting));
        let error = Schedule::from(Nameless {}).validate().unwrap_err().to_string();
        assert!(error.ends_with("found gradus_nn::registry::custom::tests::Nameless"), "{error}");
        // A name belongs to one registry.
        assert!(!Optimizer::names().contains(&"nameless"));
        Schedule::register::<Nameless>("nameless").unwrap();
        assert_eq!(Schedule::from(Nameless {}).validate(), Ok(()));
        let taken = RegisterError::TypeTaken { name: "other", other: "nameless" };
        assert_eq!(Schedule::register::<Nameless>("other"), Err(taken));
        let taken = RegisterError::NameTaken("nameless");
        assert_eq!(Schedule::register::<Late>("nameless"), Err(taken));
    }
}
