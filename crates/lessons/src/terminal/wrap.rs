//! Lines of text that fit into a terminal.

use unicode_width::UnicodeWidthStr;

/// Marks that do not begin a line.
const CLOSING: &str = "，。、；：！？）》」』”’…—,.;:!?)";

/// Breaks a text into lines of at most `width` cells, the first after `first`, the others after `other`.
///
/// Lines break at spaces, and in Chinese between two characters, but not before a closing mark.
///
/// ```
/// use gradus_lessons::terminal::wrap;
///
/// assert_eq!(wrap("two words", 6, "- ", "  "), "- two\n  words");
/// assert_eq!(wrap("中文断行。", 8, "", ""), "中文断\n行。");
/// ```
pub fn wrap(text: &str, width: usize, first: &str, other: &str) -> String {
    let mut lines: Vec<String> = vec![first.to_owned()];
    let mut indent = first.len();
    for piece in pieces(text) {
        let line = lines.last_mut().expect("the first is there");
        let is_begun = line.len() > indent;
        if is_begun && line.width() + piece.trim_end().width() > width {
            line.truncate(line.trim_end().len().max(indent));
            lines.push(format!("{other}{}", piece.trim_start()));
            indent = other.len();
        } else {
            line.push_str(piece);
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}

/// The parts of a text that a line does not break.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        let Some(&(next_at, next)) = chars.peek() else { break };
        let is_wide = |c: char| c.encode_utf8(&mut [0; 4]).width() == 2;
        let breaks = match c {
            ' ' => next != ' ',
            _ => (is_wide(c) || is_wide(next)) && next != ' ' && !CLOSING.contains(next),
        };
        // An opening mark stays with what it opens.
        if breaks && !"（《「『“‘(".contains(c) {
            pieces.push(&text[start..next_at]);
            start = next_at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_and_no_character_is_lost() {
        for text in [
            "A value may reach the result through several boxes, each with its own derivative.",
            "两个苹果，每个 10 元，外加税：应付金额是“单价 × 个数 × 税率因子”（见上）。",
        ] {
            for width in 8..60 {
                let wrapped = wrap(text, width, "", "");
                let lines: Vec<&str> = wrapped.lines().collect();
                let is_word = |line: &&str| !line.contains(' ') && line.is_ascii();
                let widest =
                    lines.iter().filter(|line| !is_word(line)).map(|line| line.width()).max();
                assert!(widest.unwrap_or(0) <= width.max(13), "{width}\n{wrapped}");
                let bare = |text: &str| text.replace([' ', '\n'], "");
                assert_eq!(bare(&wrapped), bare(text));
                assert!(
                    lines.iter().all(|line| !line.starts_with(['，', '。', '）'])),
                    "{wrapped}"
                );
            }
        }
    }
}
