//! `cargo xtask types`: the index of public types, each with the first sentence of its documentation.

use super::repository::Repository;
use super::unique_types::{TypeDeclaration, declarations};

/// Prints the index as a Markdown table, sorted by name.
///
/// # Errors
///
/// If the repository cannot be read.
pub(crate) fn print() -> anyhow::Result<()> {
    print!("{}", index(&Repository::read()?));
    Ok(())
}

fn index(repository: &Repository) -> String {
    let mut rows: Vec<String> = declarations(repository)
        .iter()
        .filter(|declaration| declaration.is_public)
        .map(|declaration| row(repository, declaration))
        .collect();
    rows.sort();
    format!("| type | file | is |\n|---|---|---|\n{}", rows.concat())
}

fn row(
    repository: &Repository,
    TypeDeclaration { name, path, line, .. }: &TypeDeclaration,
) -> String {
    let file = repository.files.iter().find(|file| file.path == *path);
    let lines: Vec<&str> = file.map_or(Vec::new(), |file| file.text.lines().collect());
    // The documentation stands above the attributes of the declaration.
    let above = lines[..line - 1].iter().rev();
    let docs: Vec<&str> = above
        .map(|line| line.trim())
        .skip_while(|line| !line.starts_with("///") && !line.is_empty())
        .map_while(|line| line.strip_prefix("///"))
        .map(str::trim)
        .collect();
    let first = docs.iter().rev().take_while(|line| !line.is_empty());
    let text = first.copied().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let sentence = text.split_once(". ").map_or(&*text, |(sentence, _)| sentence);
    format!("| `{name}` | `{path}` | {} |\n", sentence.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_are_listed_with_their_first_sentence() {
        let text = "/// A layer.\n#[derive(Debug)]\npub struct Layer;\n\n\
                    /// Chosen by\n/// name. More.\n///\n/// Even more.\npub enum Kind {}\nstruct Private;";
        let table = "| type | file | is |\n|---|---|---|\n\
                     | `Kind` | `crates/a/src/lib.rs` | Chosen by name |\n\
                     | `Layer` | `crates/a/src/lib.rs` | A layer |\n";
        assert_eq!(index(&Repository::of(&[("crates/a/src/lib.rs", text)])), table);
    }
}
