//! What can be wrong with a formula and the values of its names.

use std::ops::Range;

use diagnostics::{Excerpt, did_you_mean, printable};
use serde::Serialize;

/// Why a formula is not computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormulaError {
    /// The text of the formula.
    #[error(transparent)]
    Mistake(#[from] FormulaMistake),
    /// Names that have no value, in the order of their first use.
    #[error("names without a value: {}", .0.join(", "))]
    MissingValues(Vec<String>),
    /// A name that was given and is not in the formula, or a value that it cannot have.
    #[error("`{name}` {problem}")]
    Value {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl FormulaError {
    /// The name `unknown`, which the formula does not have.
    pub(crate) fn unknown(unknown: &str, names: &[String]) -> Self {
        let hint = did_you_mean(unknown, names.iter().map(String::as_str));
        let problem = format!("does not occur in the formula{hint}");
        Self::Value { name: printable(unknown), problem }
    }

    /// The error for a page.
    pub fn shown(&self) -> ShownMistake {
        let message = self.to_string();
        match self {
            Self::Mistake(FormulaMistake { text, span, .. }) => {
                let characters = |end: usize| Some(text[..end].chars().count());
                ShownMistake { message, start: characters(span.start), end: characters(span.end) }
            }
            _ => ShownMistake { message, start: None, end: None },
        }
    }
}

/// A mistake for a page, with its place in the text of the formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownMistake {
    /// What was expected and found.
    pub message: String,
    /// The first character that does not fit, counted in Unicode code points; none if it is not in the formula.
    pub start: Option<usize>,
    /// The character behind the last one.
    pub end: Option<usize>,
}

/// A mistake in the text of a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}{advice}")]
pub struct FormulaMistake {
    /// The formula.
    pub text: String,
    /// The bytes of the text that do not fit; empty at its end.
    pub span: Range<usize>,
    /// The text there.
    pub found: String,
    /// What the formula could continue with.
    pub expected: String,
    /// What to write instead, with the semicolon before it; often empty.
    pub advice: String,
}

/// What is often pasted into a formula and cannot be read, with what to write instead.
const ADVICE: &[(&str, &str)] = &[
    ("=", "the values of names are given beside the formula"),
    ("√", "write sqrt(…)"),
    ("|", "write abs(…) for a magnitude"),
    ("%", "write a fraction such as 0.1"),
    ("∑", "write sum(…)"),
    ("⋯", "write all terms"),
    ("…", "write all terms"),
    (",", "decimals have a point: 1.5"),
];

impl FormulaMistake {
    pub(super) fn new(text: &str, span: Range<usize>, expected: impl Into<String>) -> Self {
        /// Characters of what was found that are repeated.
        const SHOWN: usize = 40;
        let there = &text[span.clone()];
        let found = match there.char_indices().nth(SHOWN) {
            _ if there.is_empty() => "the end of the formula".into(),
            Some((end, _)) => format!("`{}…`", printable(&there[..end])),
            None => format!("`{}`", printable(there)),
        };
        let advice = ADVICE.iter().find(|(sign, _)| *sign == there);
        let advice = advice.map_or(String::new(), |(_, advice)| format!("; {advice}"));
        Self { text: text.into(), span, found, expected: expected.into(), advice }
    }

    pub(super) fn with_advice(self, advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// The line with the mistake, and carets under it. Wide characters count as the two cells that a terminal gives them.
    pub fn render(&self) -> String {
        let Excerpt { source, underline, .. } = Excerpt::new(&self.text, self.span.clone());
        format!("{source}\n{underline}")
    }
}

#[cfg(test)]
mod tests {
    use crate::formula::Formula;

    #[test]
    fn carets_stand_under_the_mistake() {
        let cases = [
            ("", "\n^"),
            ("1 + ", "1 + \n    ^"),
            ("(a * b", "(a * b\n      ^"),
            ("2 * lnn(x)", "2 * lnn(x)\n    ^^^"),
            ("größe + * 2", "größe + * 2\n        ^"),
            // Two columns each.
            ("价格 + * 2", "价格 + * 2\n       ^"),
            ("2 价格", "2 价格\n  ^^^^"),
            // x and a combining circumflex: one column.
            ("2 * (1 x\u{302})", "2 * (1 x\u{302})\n       ^"),
            ("\ta *\t/ b", "\ta *\t/ b\n\t   \t^"),
            ("a +\n  b * / c\n+ d", "  b * / c\n      ^"),
            ("a \u{1b}[31m", "a \u{fffd}[31m\n  ^"),
        ];
        for (text, want) in cases {
            assert_eq!(Formula::parse(text).expect_err(text).render(), want, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_formula_the_part_near_the_mistake_is_shown() {
        let rendered = Formula::parse(&"(".repeat(5_000)).expect_err("too deep").render();
        let (line, carets) = rendered.split_once('\n').expect("two lines");
        assert_eq!(line, format!("…{}", "(".repeat(121)));
        assert_eq!(carets, format!("{}^", " ".repeat(61)));
    }
}
