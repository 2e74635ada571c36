//! A file put into a registry folder is in the registry: its `mod.rs` declares it.
//!
//! The declaration is a plain line, since rustfmt does not follow one inside a macro.

use std::path::Path;

use super::code;
use super::repository::{Repository, SourceFile};

/// The folders where one file is one thing, and `mod.rs` the list of them.
const FOLDERS: &[&str] = &[
    "crates/graph/src/ops",
    "crates/nn/src/layers",
    "crates/nn/src/losses",
    "crates/nn/src/init",
    "crates/nn/src/optim",
    "crates/nn/src/schedule",
    "crates/data/src/made",
    "crates/data/src/readers",
    "crates/cli/src/commands",
    "crates/train/src/metrics",
];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let in_folder =
        |file: &&SourceFile| FOLDERS.iter().any(|root| Path::new(&file.path).starts_with(root));
    let undeclared = repository.rust_files().filter(in_folder).filter_map(|file| {
        let (registry, module) = registry_of(&file.path)?;
        let declared =
            repository.rust_files().any(|file| file.path == registry && declares(file, module));
        (!declared).then(|| format!("{}: {registry} has no line `mod {module};`", file.path))
    });
    undeclared.collect()
}

fn declares(registry: &SourceFile, module: &str) -> bool {
    let found = code::find(&registry.tokens, &["mod", module, ";"]);
    found.iter().any(|token| token.depth == 0)
}

/// The `mod.rs` that must declare this file, and under which name; none for a registry itself.
fn registry_of(path: &str) -> Option<(String, &str)> {
    let module = path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs"))?;
    if FOLDERS.contains(&module) {
        return None;
    }
    let (folder, name) = module.rsplit_once('/')?;
    Some((format!("{folder}/mod.rs"), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_files_and_folders_pass() {
        let files = [
            ("crates/graph/src/ops/mod.rs", "pub mod add;\nmod pool;"),
            ("crates/graph/src/ops/add.rs", ""),
            ("crates/graph/src/ops/pool/mod.rs", "pub(crate) mod max;"),
            ("crates/graph/src/ops/pool/max.rs", ""),
            ("crates/graph/src/shape.rs", ""),
        ];
        assert!(check(&Repository::of(&files)).is_empty());
    }

    #[test]
    fn a_forgotten_file_is_found() {
        let files = [
            ("crates/nn/src/optim/mod.rs", "pub mod sgd;\n// pub mod adam;"),
            ("crates/nn/src/optim/adam.rs", ""),
        ];
        let expected =
            "crates/nn/src/optim/adam.rs: crates/nn/src/optim/mod.rs has no line `mod adam;`";
        assert_eq!(check(&Repository::of(&files)), [expected]);
    }

    #[test]
    fn a_declaration_inside_a_macro_does_not_count() {
        let files = [
            ("crates/nn/src/layers/mod.rs", "all! { pub mod linear; }"),
            ("crates/nn/src/layers/linear.rs", ""),
        ];
        assert_eq!(check(&Repository::of(&files)).len(), 1);
    }
}
