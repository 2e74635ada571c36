//! The line of a text with a mistake in it, underlined.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// Characters shown on either side of a mistake.
const CONTEXT: usize = 60;

/// The line of a text in which a span begins, with carets under the span.
///
/// The carets are aligned whatever the script: wide characters and combining marks count as the cells a
/// terminal gives them, and a tab is repeated as a tab. Of a long line, the part near the span is shown.
///
/// # Examples
///
/// ```
/// # use gradus_diagnostics::Excerpt;
/// let excerpt = Excerpt::new("a = 1\nb = tru", 10..13);
/// assert_eq!((excerpt.line, excerpt.column), (2, 5));
/// assert_eq!(excerpt.to_string(), "  |\n2 | b = tru\n  |     ^^^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Number of the line, from 1.
    pub line: usize,
    /// Number of the span's first character in the line, from 1.
    pub column: usize,
    /// The line, without characters that would move the cursor of a terminal.
    pub source: String,
    /// Spaces and carets to be written below [`source`](Self::source).
    pub underline: String,
}

impl Excerpt {
    /// The line of `text` in which the bytes `span` begin. An empty span gets one caret.
    pub fn new(text: &str, span: Range<usize>) -> Self {
        let start = text.floor_char_boundary(span.start);
        let (before, rest) = text.split_at(start);
        let (wrong, after) =
            rest.split_at(rest.floor_char_boundary(span.end.saturating_sub(start)));
        let line = before.matches('\n').count() + 1;
        let before = before.rsplit('\n').next().unwrap_or_default();
        let (wrong, after) = match wrong.split_once('\n') {
            Some((wrong, _)) => (wrong, ""),
            None => (wrong, after.split('\n').next().unwrap_or_default()),
        };
        let [wrong, after] = [wrong, after].map(|part| part.trim_end_matches('\r'));

        let column = before.chars().count() + 1;
        let cut = (column - 1).saturating_sub(CONTEXT);
        let ellipsis = if cut > 0 { "…" } else { "" };
        let shown = |part: &str, skipped| {
            printable(&part.chars().skip(skipped).take(CONTEXT).collect::<String>())
        };
        let before = format!("{ellipsis}{}", shown(before, cut));
        let wrong = shown(wrong, 0);
        let indent: Vec<_> = before.split('\t').map(|part| " ".repeat(part.width())).collect();
        let carets = "^".repeat(wrong.width().max(1));
        Self {
            line,
            column,
            source: format!("{before}{wrong}{}", shown(after, 0)),
            underline: indent.join("\t") + &carets,
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, source, underline, .. } = self;
        let margin = " ".repeat(line.to_string().len());
        write!(f, "{margin} |\n{line} | {source}\n{margin} | {underline}")
    }
}

/// The text as a terminal may show it: control characters could move the cursor, and marks of direction
/// could change the order of the text.
pub fn printable(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control() && !['\t', '\n'].contains(&c)
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(is_hidden, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The excerpt of the text between `«` and `»`.
    fn marked(text: &str) -> Excerpt {
        let start = text.find('«').expect("a mark");
        let end = text.find('»').expect("a mark") - '«'.len_utf8();
        Excerpt::new(&text.replace(['«', '»'], ""), start..end)
    }

    #[test]
    fn carets_are_aligned_with_the_mistake() {
        let cases = [
            ("«»", 1, 1, "", "^"),
            ("1 + «»", 1, 5, "1 + ", "    ^"),
            ("2 * «lnn»(x)", 1, 5, "2 * lnn(x)", "    ^^^"),
            ("größe + «*» 2", 1, 9, "größe + * 2", "        ^"),
            // Two cells each.
            ("苹果 = «数量» + 1", 1, 6, "苹果 = 数量 + 1", "       ^^^^"),
            // x and a combining circumflex: one cell.
            ("1 «x\u{302}»)", 1, 3, "1 x\u{302})", "  ^"),
            ("\ta *\t«/» b", 1, 6, "\ta *\t/ b", "\t   \t^"),
            ("a\r\nb = «c»\r\nd", 2, 5, "b = c", "    ^"),
            ("«[a]\nb» = 1\n", 1, 1, "[a]", "^^^"),
            ("a \u{1b}[«3»1m\u{202e}", 1, 5, "a \u{fffd}[31m\u{fffd}", "    ^"),
        ];
        for (text, line, column, source, underline) in cases {
            let (source, underline) = (source.to_owned(), underline.to_owned());
            assert_eq!(marked(text), Excerpt { line, column, source, underline }, "{text:?}");
        }
    }

    #[test]
    fn of_a_long_line_the_part_near_the_mistake_is_shown() {
        let excerpt = Excerpt::new(&"(".repeat(10_000), 200..201);
        assert_eq!(excerpt.column, 201);
        assert_eq!(excerpt.source, format!("…{}", "(".repeat(121)));
        assert_eq!(excerpt.underline, format!("{}^", " ".repeat(61)));
    }

    #[test]
    fn a_span_beyond_the_text_is_at_its_end() {
        assert_eq!(Excerpt::new("größe", 90..99).underline, "     ^");
        assert_eq!(Excerpt::new("größe", 3..4).column, 3, "inside of ö");
    }
}
