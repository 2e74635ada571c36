//! How the cells of a column of texts become values.

use std::collections::HashMap;
use std::sync::Arc;

use super::cells::{Cells, MISSING};
use super::date::DateFormat;
use super::number::NumberNotation;

/// The categories of a column and the code of each.
#[derive(Clone, Debug)]
pub(crate) struct Categories {
    names: Arc<[String]>,
    codes: HashMap<String, u32>,
}

/// How the cells of a column of texts become values.
#[derive(Clone, Debug)]
pub(crate) enum TextReading {
    /// Numbers.
    Number(NumberNotation),
    /// Numbers as categories, by value.
    Whole(NumberNotation, Arc<Categories>),
    /// Dates.
    Date(DateFormat),
    /// Texts as categories.
    Category { categories: Arc<Categories>, marks_are_missing: bool },
    /// Texts as they are.
    Text { marks_are_missing: bool },
}

impl Categories {
    pub(crate) fn new(counted: &[(String, usize)]) -> Self {
        let names: Arc<[String]> = counted.iter().map(|(name, _)| name.clone()).collect();
        let codes = (0..).zip(names.iter()).map(|(code, name)| (name.clone(), code)).collect();
        Self { names, codes }
    }
}

/// Whether a text is a word for a cell without a value, or empty.
pub(super) fn is_missing_word(text: &str) -> bool {
    const WORDS: [&str; 6] = ["na", "n/a", "#n/a", "nan", "null", "none"];
    text.is_empty() || (text.len() <= 4 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// Whether a text is a mark for a cell without a value, which may be a category as well.
pub(crate) fn is_missing_mark(text: &str) -> bool {
    ["?", "-", "--", "."].contains(&text)
}

impl TextReading {
    /// No cells yet.
    pub(crate) fn empty(&self) -> Cells {
        match self {
            Self::Number(_) | Self::Date(_) => Cells::Numbers(Vec::new()),
            Self::Whole(_, categories) | Self::Category { categories, .. } => {
                Cells::Categories { codes: Vec::new(), categories: categories.names.clone() }
            }
            Self::Text { .. } => Cells::Texts(Vec::new()),
        }
    }

    /// Whether a text can be read, or is missing.
    pub(crate) fn can_read(&self, text: &str) -> bool {
        let read = match self {
            Self::Number(format) | Self::Whole(format, _) => format.parse(text).is_some(),
            Self::Date(format) => format.parse(text).is_some(),
            Self::Category { .. } | Self::Text { .. } => return true,
        };
        read || is_missing_word(text) || is_missing_mark(text)
    }

    /// Appends a cell, which is missing if it cannot be read.
    pub(crate) fn push(&self, text: &str, cells: &mut Cells) {
        let is_missing = |marks: bool| is_missing_word(text) || (marks && is_missing_mark(text));
        match (self, cells) {
            (Self::Number(format), Cells::Numbers(numbers)) => {
                numbers.push(format.parse(text).unwrap_or(f64::NAN));
            }
            (Self::Date(format), Cells::Numbers(numbers)) => {
                numbers.push(format.parse(text).unwrap_or(f64::NAN));
            }
            (Self::Whole(format, categories), Cells::Categories { codes, .. }) => {
                let name = format.parse(text).map(|number| number.to_string());
                let code = name.and_then(|name| categories.codes.get(&name));
                codes.push(code.copied().unwrap_or(MISSING));
            }
            (Self::Category { categories, marks_are_missing }, Cells::Categories { codes, .. }) => {
                let code = match is_missing(*marks_are_missing) {
                    true => None,
                    false => categories.codes.get(text),
                };
                codes.push(code.copied().unwrap_or(MISSING));
            }
            (Self::Text { marks_are_missing }, Cells::Texts(texts)) => {
                texts.push((!is_missing(*marks_are_missing)).then(|| text.to_owned()));
            }
            _ => unreachable!("cells begin as `empty` makes them"),
        }
    }
}
