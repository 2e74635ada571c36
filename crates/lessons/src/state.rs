//! The state of a lesson: the part after `#` of its address, `lesson=chain-rule&apple=100&hide=tax&answers=off`.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Serialize;

/// What a state says: a lesson, values that are not its defaults, hidden controls, and whether answers are shown.
///
/// ```
/// use gradus_lessons::LessonState;
///
/// let state: LessonState = "#lesson=chain-rule&apple=100&hide=tax,count&answers=off".parse().unwrap();
/// assert_eq!(state.values, [("apple".to_owned(), "100".to_owned())]);
/// assert_eq!(state.to_string(), "lesson=chain-rule&apple=100&hide=tax,count&answers=off");
///
/// let mistake = "lesson=chain-rule&answers=no".parse::<LessonState>().unwrap_err();
/// assert_eq!(mistake.to_string(), "answers: expected `off`, found `no`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonState {
    /// The name of the lesson.
    pub lesson: String,
    /// Keys of controls and their values, in the order of the state.
    pub values: Vec<(String, String)>,
    /// Keys of hidden controls.
    pub hidden: Vec<String>,
    /// Whether answers are judged and shown.
    pub answers: bool,
}

impl LessonState {
    /// A lesson as it is at first.
    pub fn of(lesson: &str) -> Self {
        Self { lesson: lesson.to_owned(), values: Vec::new(), hidden: Vec::new(), answers: true }
    }
}

/// What is wrong in a state, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{key}: expected {expected}, found `{found}`")]
pub struct StateMistake {
    /// The key at which it stands; `lesson`, `hide` and `answers` among them.
    pub key: String,
    /// What stands there.
    pub found: String,
    /// What could stand there, in words.
    pub expected: String,
}

impl StateMistake {
    /// The mistake at a key. What was found is cut to a length that a page can show.
    pub fn new(key: &str, found: &str, expected: impl Into<String>) -> Self {
        let cut = |text: &str| text.chars().take(100).collect();
        Self { key: cut(key), found: cut(found), expected: expected.into() }
    }
}

/// Bytes of a state at most: longer ones do not fit into addresses everywhere.
const MAX_BYTES: usize = 4000;
/// Keys of a state at most.
const MAX_KEYS: usize = 64;
/// What an address cannot hold as it is, or what has a meaning in a state.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'<')
    .add(b'>')
    .add(b'=')
    .add(b'`')
    .add(b'+')
    .add(b'\'');

impl std::str::FromStr for LessonState {
    type Err = StateMistake;

    /// Reads a state, with or without `#` before it.
    fn from_str(text: &str) -> Result<Self, StateMistake> {
        let text = text.trim();
        let text = text.strip_prefix('#').unwrap_or(text);
        if text.len() > MAX_BYTES {
            let expected = format!("a state of at most {MAX_BYTES} bytes");
            return Err(StateMistake::new("state", &format!("{} bytes", text.len()), expected));
        }
        let (mut lesson, mut values, mut hidden, mut answers) =
            (None, Vec::new(), Vec::new(), None);
        for (i, part) in text.split('&').enumerate() {
            if i == MAX_KEYS {
                let expected = format!("at most {MAX_KEYS} keys");
                return Err(StateMistake::new("state", part, expected));
            }
            let (key, value) = part.split_once('=').ok_or_else(|| {
                StateMistake::new("state", part, "`key=value`, with `&` between them")
            })?;
            let value = decoded(key, value)?;
            let is_new = match key {
                "lesson" => lesson.replace(value.clone()).is_none(),
                "hide" => {
                    let is_new = hidden.is_empty();
                    hidden.extend(value.split(',').map(str::to_owned));
                    is_new
                }
                "answers" if value == "off" => answers.replace(false).is_none(),
                "answers" => return Err(StateMistake::new(key, &value, "`off`")),
                _ => {
                    let is_new = values.iter().all(|(known, _)| known != key);
                    values.push((key.to_owned(), value.clone()));
                    is_new
                }
            };
            if !is_new {
                return Err(StateMistake::new(key, &value, "each key once"));
            }
        }
        let lesson = lesson.ok_or_else(|| StateMistake::new("lesson", text, "`lesson=NAME`"))?;
        Ok(Self { lesson, values, hidden, answers: answers.unwrap_or(true) })
    }
}

fn decoded(key: &str, value: &str) -> Result<String, StateMistake> {
    let bytes = value.as_bytes();
    let is_escape = |i: usize| {
        bytes.get(i + 1..i + 3).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    let is_sound = bytes.iter().enumerate().all(|(i, &byte)| byte != b'%' || is_escape(i));
    let decoded = percent_decode_str(value).decode_utf8().ok().filter(|_| is_sound);
    let expected = "text with escapes such as %20 for a space";
    decoded.map(Into::into).ok_or_else(|| StateMistake::new(key, value, expected))
}

impl fmt::Display for LessonState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lesson={}", self.lesson)?;
        for (key, value) in &self.values {
            write!(f, "&{key}={}", utf8_percent_encode(value, ESCAPED))?;
        }
        if !self.hidden.is_empty() {
            write!(f, "&hide={}", self.hidden.join(","))?;
        }
        if self.answers { Ok(()) } else { write!(f, "&answers=off") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for text in [
            "lesson=chain-rule",
            "lesson=chain-rule&formula=x^2%20%2B%20价格&hide=formula",
            "lesson=softmax&scores=3.2,5.1,-1.7&answers=off",
        ] {
            let state: LessonState = text.parse().unwrap();
            assert_eq!(state, state.to_string().parse().unwrap(), "{text}");
        }
        let state: LessonState = "lesson=a&formula=x%20%2B%201".parse().unwrap();
        assert_eq!(state.values[0].1, "x + 1");
    }

    #[test]
    fn damage_is_said_at_its_place() {
        let long = format!("lesson=a&x={}", "1".repeat(5000));
        let many = format!("lesson=a{}", "&x=1".repeat(100));
        for (text, key) in [
            ("", "state"),
            ("apple=1", "lesson"),
            ("lesson=a&b", "state"),
            ("lesson=a&x=%4", "x"),
            ("lesson=a&x=%ff", "x"),
            ("lesson=a&x=1&x=2", "x"),
            ("lesson=a&lesson=b", "lesson"),
            ("lesson=a&answers=maybe", "answers"),
            (&long, "state"),
            (&many, "x"),
        ] {
            assert_eq!(text.parse::<LessonState>().unwrap_err().key, key, "{text}");
        }
    }
}
