//! A type name stands for one thing in the whole workspace.

use std::collections::BTreeMap;

use super::code::CodeToken;
use super::repository::{Repository, SourceFile};

/// A type as it is declared.
pub(crate) struct TypeDeclaration {
    pub(crate) name: String,
    /// Whether other crates may see it.
    pub(crate) is_public: bool,
    pub(crate) path: String,
    pub(crate) line: usize,
}

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for TypeDeclaration { name, path, line, .. } in declarations(repository) {
        by_name.entry(name).or_default().push(format!("{path}:{line}"));
    }
    let repeated = by_name.into_iter().filter(|(_, places)| places.len() > 1);
    repeated.map(|(name, places)| format!("{name}: {}", places.join(", "))).collect()
}

/// The types that the crates of the workspace declare, those of tests left out.
pub(crate) fn declarations(repository: &Repository) -> Vec<TypeDeclaration> {
    let files = repository.rust_files().filter(|file| {
        let is_source = file.path.starts_with("crates/") && file.path.contains("/src/");
        is_source || file.path.starts_with("xtask/src/")
    });
    files.flat_map(declarations_in_file).collect()
}

fn declarations_in_file(file: &SourceFile) -> Vec<TypeDeclaration> {
    let mut found = Vec::new();
    let mut tokens = &file.tokens[..];
    while let [first, rest @ ..] = tokens {
        tokens = rest;
        if let [name, ..] = rest {
            match (&*first.text, &*name.text) {
                ("mod", "tests" | "testing") => tokens = after_braces(rest),
                ("macro_rules", "!") => tokens = after_braces(rest),
                ("struct" | "enum" | "trait" | "union", _) => {
                    found.extend(declaration(file, first, name));
                }
                // Deeper in brackets it is an associated type.
                ("type", _) if first.depth == 0 => found.extend(declaration(file, first, name)),
                _ => {}
            }
        }
    }
    found
}

/// The tokens after the next pair of braces, or after a semicolon before it.
fn after_braces(tokens: &[CodeToken]) -> &[CodeToken] {
    let Some(open) = tokens.iter().position(|token| ["{", ";"].contains(&&*token.text)) else {
        return &[];
    };
    let (depth, text) = (tokens[open].depth, &tokens[open].text);
    if text == ";" {
        return &tokens[open..];
    }
    let close = tokens[open..].iter().position(|token| token.depth == depth && token.text == "}");
    close.map_or(&[], |close| &tokens[open + close..])
}

fn declaration(
    file: &SourceFile,
    keyword: &CodeToken,
    name: &CodeToken,
) -> Option<TypeDeclaration> {
    let is_type_name = name.text.chars().next().is_some_and(char::is_uppercase);
    let lines: Vec<&str> = file.text.lines().collect();
    let source = lines.get(keyword.line - 1).map_or("", |line| line.trim_start());
    is_type_name.then(|| TypeDeclaration {
        name: name.text.clone(),
        is_public: source.starts_with("pub ") && file.path.starts_with("crates/"),
        path: file.path.clone(),
        line: keyword.line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_two_types_is_found_in_all_crates() {
        let files = [
            ("crates/a/src/lib.rs", "pub struct Part;\nfn f() { enum Local {} }"),
            ("crates/b/src/lib.rs", "trait Part {}\nimpl X for Y { type Out = u8; }"),
            ("crates/b/src/c.rs", "impl X for Z { type Out = u8; }\nmod tests { struct Local; }"),
            ("crates/b/tests/d.rs", "struct Part;"),
        ];
        let findings = check(&Repository::of(&files));
        assert_eq!(findings, ["Part: crates/a/src/lib.rs:1, crates/b/src/lib.rs:1"]);
    }

    #[test]
    fn types_that_other_crates_see_are_told_from_the_rest() {
        let text = "pub struct Seen;\npub(crate) struct Inner;\nstruct Private;";
        let repository = Repository::of(&[("crates/a/src/lib.rs", text)]);
        let public: Vec<_> = declarations(&repository)
            .into_iter()
            .filter(|each| each.is_public)
            .map(|each| each.name)
            .collect();
        assert_eq!(public, ["Seen"]);
    }
}
