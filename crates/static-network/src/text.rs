//! Texts in source.

/// Names that no crate may have: keywords, and crates of the language.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// The name of a crate that is made from the name of a model: `LeNet 5` becomes `lenet-5`.
///
/// ```
/// use gradus_static_network::crate_name;
///
/// assert_eq!(crate_name("LeNet 5"), "lenet-5");
/// assert_eq!(crate_name("7"), "model-7");
/// assert_eq!(crate_name("static"), "model-static");
/// ```
pub fn crate_name(model: &str) -> String {
    let sign =
        |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let signs: String = model.chars().map(sign).collect();
    let name = signs.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if is_crate_name(&name) {
        name
    } else {
        format!("model-{name}").trim_end_matches('-').to_owned()
    }
}

/// Whether a crate may have this name, and a C function may begin with it.
pub(crate) fn is_crate_name(name: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ['-', '_'].contains(&c);
    let has_signs = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_sign);
    has_signs && name.len() <= 64 && !TAKEN.contains(&&*identifier(name))
}

/// A crate's name in source.
pub(crate) fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// A text as a literal.
pub(crate) fn literal(text: &str) -> String {
    format!("{text:?}")
}
