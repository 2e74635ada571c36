//! Words of a command to be copied.

/// A text as one word of a shell command: in quotes if it needs them; `None` if it has control characters, which a terminal
/// would obey as it is pasted.
///
/// # Examples
///
/// ```
/// use gradus_diagnostics::shell_word;
///
/// assert_eq!(shell_word("runs/iris-1").as_deref(), Some("runs/iris-1"));
/// assert_eq!(shell_word("it's; rm x").as_deref(), Some(r"'it'\''s; rm x'"));
/// assert_eq!(shell_word("a\nb"), None);
/// ```
pub fn shell_word(text: &str) -> Option<String> {
    let is_plain = |sign: char| {
        sign.is_alphanumeric() || matches!(sign, '.' | '/' | '-' | '_' | '+' | ',' | ':' | '@')
    };
    if text.contains(char::is_control) {
        return None;
    }
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => Some(text.to_owned()),
        false => Some(format!("'{}'", text.replace('\'', r"'\''"))),
    }
}
