//! Mistakes in data: where, what was found, what was expected, what to do.

use std::fmt;

/// The most mistakes that are kept one by one; the rest is counted.
const SHOWN: usize = 10;

/// A mistake in a row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMistake {
    /// Where it is in the order of all: the line in which the row begins, from 1, or the number of the file.
    pub order: u64,
    /// Where it is: `line 17`, or a file.
    pub place: String,
    /// The name of the column, unless the whole row is meant.
    pub column: Option<String>,
    /// What the file has.
    pub found: String,
    /// What it should have.
    pub expected: String,
}

/// The mistakes in a file: the first ten, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowMistakes {
    /// The first ones, in the order of the file.
    pub first: Vec<CellMistake>,
    /// The number of all.
    pub count: usize,
    /// What to do.
    pub advice: String,
}

impl RowMistakes {
    /// Adds a mistake, which is kept among the first ten.
    pub fn add(&mut self, mistake: CellMistake) {
        self.count += 1;
        self.first.push(mistake);
        if self.first.len() > SHOWN {
            self.first.sort_by_key(|mistake| mistake.order);
            self.first.truncate(SHOWN);
        }
    }

    /// Adds those of the next rows.
    pub(crate) fn append(&mut self, more: Self) {
        let rest = more.count - more.first.len();
        more.first.into_iter().for_each(|mistake| self.add(mistake));
        self.count += rest;
    }

    /// Counts mistakes that are not among the first ten of their column.
    pub(crate) fn add_uncounted(&mut self, count: usize) {
        self.count += count;
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The mistakes in order, with what to do.
    pub(crate) fn with_advice(mut self, advice: &str) -> Self {
        self.first.sort_by_key(|mistake| mistake.order);
        self.advice = advice.to_owned();
        self
    }
}

impl fmt::Display for CellMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

impl fmt::Display for RowMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.first.iter().enumerate() {
            write!(f, "{}{mistake}", if i == 0 { "" } else { "\n  " })?;
        }
        if self.count > self.first.len() {
            write!(f, "\n  and {} more", self.count - self.first.len())?;
        }
        write!(f, "\n  {}", self.advice)
    }
}

/// A text from a file as a message shows it: in quotation marks, shortened, without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    let rest = if text.chars().nth(MOST).is_some() { "…" } else { "" };
    format!("`{shown}{rest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ten_are_shown_and_the_rest_is_counted() {
        let mut mistakes = RowMistakes::default();
        for line in [30_017, 5].into_iter().chain(100..110) {
            mistakes.add(CellMistake {
                order: line,
                place: format!("line {line}"),
                column: None,
                found: "3 cells".into(),
                expected: "2".into(),
            });
        }
        let text = mistakes.with_advice("mend them").to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "line 5: found 3 cells, expected 2");
        assert_eq!(lines[9], "  line 108: found 3 cells, expected 2");
        assert_eq!(lines[10..], ["  and 2 more", "  mend them"]);
    }

    #[test]
    fn shown_texts_are_short_and_printable() {
        assert_eq!(quoted("a\nb\u{1b}"), "`a\\nb\\u{1b}`");
        assert_eq!(quoted(&"x".repeat(2_000_000)).len(), 40 + "`…`".len());
    }
}
