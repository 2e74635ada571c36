//! The words of a formula, in the signs of a keyboard or in those that are pasted from a text.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormulaToken {
    Number,
    Name,
    /// A sign of the keyboard, `^` also for `**`.
    Symbol(char),
    /// Raised digits: `²`, `⁻¹`.
    Power,
    End,
}

/// The tokens of a text, one ahead.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) token: FormulaToken,
    /// The bytes of the token.
    pub(super) span: Range<usize>,
    /// The token before it, and where that ends.
    pub(super) before: (FormulaToken, usize),
    /// Whether a sign was read as another one.
    pub(super) is_rewritten: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (token, span) = (FormulaToken::End, 0..0);
        let mut lexer = Self { text, token, span, before: (token, 0), is_rewritten: false };
        lexer.advance();
        lexer
    }

    pub(super) fn advance(&mut self) {
        self.before = (self.token, self.span.end);
        let rest = self.text[self.span.end..].trim_start();
        let (token, len) = match rest.chars().next() {
            None => (FormulaToken::End, 0),
            Some('0'..='9' | '.') => (FormulaToken::Number, number_len(rest)),
            Some(c) if is_raised(c) => {
                (FormulaToken::Power, rest.find(|c| !is_raised(c)).unwrap_or(rest.len()))
            }
            Some(c) if is_name(c) && !c.is_numeric() => {
                (FormulaToken::Name, rest.find(|c| !is_name(c)).unwrap_or(rest.len()))
            }
            Some('*') if rest[1..].starts_with('*') => (FormulaToken::Symbol('^'), 2),
            Some(c) => (FormulaToken::Symbol(of_keyboard(c)), c.len_utf8()),
        };
        let start = self.text.len() - rest.len();
        (self.token, self.span) = (token, start..start + len);
        self.is_rewritten |= match token {
            FormulaToken::Symbol(c) => !self.slice().starts_with(c),
            other => other == FormulaToken::Power,
        };
    }

    /// The text of the token.
    pub(super) fn slice(&self) -> &'a str {
        &self.text[self.span.clone()]
    }

    pub(super) fn is(&self, symbol: char) -> bool {
        self.token == FormulaToken::Symbol(symbol)
    }

    /// Whether the token follows the one before without a space.
    pub(super) fn is_adjacent(&self) -> bool {
        self.before.1 == self.span.start
    }
}

/// The whole number of raised digits; none of raised letters.
pub(super) fn raised_number(text: &str) -> Option<i32> {
    let digit = |c| {
        Some(match c {
            '⁰' => '0',
            '¹' => '1',
            '²' => '2',
            '³' => '3',
            '⁴' => '4',
            '⁵' => '5',
            '⁶' => '6',
            '⁷' => '7',
            '⁸' => '8',
            '⁹' => '9',
            '⁻' => '-',
            '⁺' => '+',
            _ => return None,
        })
    };
    text.chars().map(digit).collect::<Option<String>>()?.parse().ok()
}

/// A raised digit, sign or letter: a part of an exponent.
fn is_raised(c: char) -> bool {
    matches!(c, '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' | '⁺' | '⁻' | 'ⁱ' | 'ⁿ' | 'ˣ' | 'ʸ' | 'ᵀ' | 'ᵗ')
}

fn is_name(c: char) -> bool {
    (c.is_alphanumeric() && !is_raised(c)) || c == '_'
}

/// The sign of the keyboard that a sign stands for: signs of mathematics, and the full-width ones of Chinese text.
fn of_keyboard(c: char) -> char {
    match c {
        '−' | '–' => '-',
        '×' | '·' | '⋅' | '∙' => '*',
        '÷' | '∕' => '/',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(c) - 0xfee0).expect("a sign of the keyboard")
        }
        _ => c,
    }
}

/// Bytes of the number that `text` begins with: digits, a point, digits, an exponent.
fn number_len(text: &str) -> usize {
    let digits_from = |at: usize| {
        at + text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits_from(0);
    if text[end..].starts_with('.') {
        end = digits_from(end + 1);
    }
    // An `e` without digits after it is the beginning of a name.
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let first = end + 1 + usize::from(exponent.starts_with(['+', '-']));
        if digits_from(first) > first {
            end = digits_from(first);
        }
    }
    end
}
