//! A mistake in a formula, shown under it.

use std::ops::Range;

use diagnostics::Excerpt;

/// The first mistake in a formula.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct FormulaError {
    /// The formula.
    pub text: String,
    /// The bytes of the text that do not fit; empty at its end.
    pub span: Range<usize>,
    /// The text there.
    pub found: String,
    /// What the formula could continue with.
    pub expected: String,
    /// Where a name is unknown, the known ones: the functions.
    pub known: Vec<&'static str>,
}

impl FormulaError {
    pub(super) fn new(text: &str, span: Range<usize>, expected: String) -> Self {
        let found = match &text[span.clone()] {
            "" => "the end of the formula".into(),
            found => format!("`{}`", diagnostics::printable(found)),
        };
        Self { text: text.into(), span, found, expected, known: Vec::new() }
    }

    /// The line with the mistake, and carets under it.
    pub fn render(&self) -> String {
        let Excerpt { source, underline, .. } = Excerpt::new(&self.text, self.span.clone());
        format!("{source}\n{underline}")
    }
}

#[cfg(test)]
mod tests {
    use crate::formula::parse;

    #[test]
    fn carets_stand_under_the_mistake() {
        let cases = [
            ("", "\n^"),
            ("1 + ", "1 + \n    ^"),
            ("(a * b", "(a * b\n      ^"),
            ("2 * lnn(x)", "2 * lnn(x)\n    ^^^"),
            ("größe + * 2", "größe + * 2\n        ^"),
            // Two columns each.
            ("苹果 + * 2", "苹果 + * 2\n       ^"),
            ("2 苹果", "2 苹果\n  ^^^^"),
            // x and a combining circumflex: one column.
            ("2 * (1 x\u{302})", "2 * (1 x\u{302})\n       ^"),
            ("\ta *\t/ b", "\ta *\t/ b\n\t   \t^"),
            ("a +\n  b * / c\n+ d", "  b * / c\n      ^"),
            ("a \u{1b}[31m", "a \u{fffd}[31m\n  ^"),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text).expect_err(text).render(), want, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_formula_the_part_near_the_mistake_is_shown() {
        let rendered = parse(&"(".repeat(10_000)).expect_err("too deep").render();
        let (line, carets) = rendered.split_once('\n').expect("two lines");
        assert_eq!(line, format!("…{}", "(".repeat(121)));
        assert_eq!(carets, format!("{}^", " ".repeat(61)));
    }
}
