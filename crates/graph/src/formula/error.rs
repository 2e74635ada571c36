//! A mistake in a formula, shown under it.

use std::fmt;
use std::iter::{once, repeat_n};
use std::ops::Range;

/// Characters shown on either side of a mistake.
const CONTEXT: usize = 60;

/// The first mistake in a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// The formula.
    pub text: String,
    /// The bytes of the text that do not fit; empty at its end.
    pub span: Range<usize>,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub expected: String,
    /// If a name does not fit, those that do: the functions.
    pub known: Vec<&'static str>,
}

impl FormulaError {
    pub(super) fn new(text: &str, span: Range<usize>, expected: String) -> Self {
        let found = match &text[span.clone()] {
            "" => "the end of the formula".into(),
            found => format!("`{}`", found.chars().map(printable).collect::<String>()),
        };
        Self { text: text.into(), span, found, expected, known: Vec::new() }
    }

    /// The line with the mistake, and carets under it.
    ///
    /// The carets stand right whatever the script: wide characters and combining marks count as the
    /// columns they take, and a tab is repeated as a tab. Of a long line, the part near the mistake is
    /// shown.
    pub fn render(&self) -> String {
        let (before, rest) = self.text.split_at(self.span.start);
        let (wrong, after) = rest.split_at(self.span.len());
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();

        let cut = before.chars().count().saturating_sub(CONTEXT);
        let before = once('…').take(cut).chain(before.chars().skip(cut)).map(printable);
        let wrong = wrong.chars().take(CONTEXT).map(printable);
        let after = after.chars().take(CONTEXT).map(printable);

        let indent = before.clone().flat_map(|c| match c {
            '\t' => repeat_n('\t', 1),
            _ => repeat_n(' ', columns(c)),
        });
        let carets = "^".repeat(wrong.clone().map(columns).sum::<usize>().max(1));
        let line: String = before.clone().chain(wrong).chain(after).collect();
        format!("{line}\n{}{carets}", indent.collect::<String>())
    }
}

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for FormulaError {}

/// What is shown for `c`: a control character could move the cursor of a terminal.
fn printable(c: char) -> char {
    if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

/// Columns that a terminal gives to `c`: none for marks that combine with the character before, two for
/// East Asian wide characters and pictographs. The ranges are the larger blocks of Unicode's
/// EastAsianWidth.txt, enough for names.
fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
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
