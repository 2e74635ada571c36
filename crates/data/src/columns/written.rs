//! How the numbers of a text are written.

use super::number::NumberNotation;
use super::options::TableOptions;

/// What is known of how the numbers of a file are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WrittenNumbers {
    /// The format that the user names.
    pub(crate) format: Option<NumberNotation>,
    /// Whether thousands may be separated.
    pub(crate) thousands: bool,
    /// The decimal sign of columns that have one for certain.
    pub(crate) decimal: Option<char>,
    /// Whether a column of numbers may have some cells that are mistakes.
    pub(crate) has_mistakes: bool,
}

impl WrittenNumbers {
    /// How numbers are written in the texts of a program or a typed file, where a text that is not a number is meant.
    pub(crate) const IN_TEXTS: Self =
        Self { format: None, thousands: false, decimal: None, has_mistakes: false };

    /// How numbers are written in a file where these columns have a decimal sign for certain, and what the user says.
    pub(crate) fn of_columns(signs: impl Iterator<Item = char>, options: &TableOptions) -> Self {
        let signs: Vec<char> = signs.collect();
        let commas = signs.iter().filter(|&&sign| sign == ',').count();
        let decimal = match signs.len() {
            0 => None,
            n => Some(if commas * 2 > n { ',' } else { '.' }),
        };
        let thousands = options.thousands.unwrap_or(true);
        let format = options.decimal.map(|decimal| NumberNotation { decimal, thousands });
        Self { format, thousands, decimal, has_mistakes: true }
    }
}
