//! The languages of lessons.

use serde::{Deserialize, Serialize};

/// The language that a reader chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese in simplified characters.
    Zh,
}

impl Language {
    /// Every language, English first.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The language of a locale such as `zh_CN.UTF-8`; English for those that lessons do not have.
    ///
    /// ```
    /// # use gradus_lessons::Language;
    /// assert_eq!(["zh_CN.UTF-8", "de_DE", ""].map(Language::of_locale), [Language::Zh, Language::En, Language::En]);
    /// ```
    pub fn of_locale(locale: &str) -> Self {
        if locale.starts_with("zh") { Self::Zh } else { Self::En }
    }

    /// The wording in this language.
    pub fn say<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// A short text in both languages: `{ en = "price", zh = "价格" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Wording {
    /// The text in a language.
    pub fn in_language(&self, language: Language) -> &str {
        language.say(&self.en, &self.zh)
    }
}
