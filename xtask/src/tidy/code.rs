//! Rust code as a flat list of tokens, so that no rule stumbles over a comment or a string.

use anyhow::anyhow;
use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// One token: a name, a literal, a sign, or one half of a pair of brackets.
pub(crate) struct CodeToken {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// In how many pairs of brackets it stands.
    pub(crate) depth: usize,
}

/// The tokens of a file, in order; comments are left out.
///
/// # Errors
///
/// If it is not Rust.
pub(crate) fn tokens(source: &str) -> anyhow::Result<Vec<CodeToken>> {
    let mut tokens = Vec::new();
    let stream = source.parse().map_err(|error: LexError| {
        anyhow!("line {}: not Rust: {error}", error.span().start().line)
    })?;
    flatten(stream, 0, &mut tokens);
    Ok(tokens)
}

/// The tokens at which the texts of `pattern` begin to follow each other.
pub(crate) fn find<'a>(tokens: &'a [CodeToken], pattern: &[&str]) -> Vec<&'a CodeToken> {
    let matches = |window: &[CodeToken]| window.iter().map(|token| &token.text).eq(pattern);
    tokens
        .windows(pattern.len())
        .filter(|window| matches(window))
        .map(|window| &window[0])
        .collect()
}

fn flatten(stream: TokenStream, depth: usize, tokens: &mut Vec<CodeToken>) {
    for tree in stream {
        let line = tree.span().start().line;
        let token = |text: &str| CodeToken { text: text.to_owned(), line, depth };
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                tokens.push(token(open));
                flatten(group.stream(), depth + 1, tokens);
                tokens.push(token(close));
            }
            other => tokens.push(token(&other.to_string())),
        }
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        let source = "// call()\n/* call() */ fn f() { g(\"call()\", 'c'); call() }";
        let tokens = tokens(source).unwrap();
        let found = find(&tokens, &["call", "("]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].depth), (2, 1));
    }

    #[test]
    fn what_is_not_rust_is_refused_with_its_line() {
        let error = tokens("fn f() {}\nfn g() { ]").err().unwrap();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
}
