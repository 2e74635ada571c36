//! A file put into a registry folder is in the registry: declared, and entered in the list.
//!
//! The declaration is a plain line, since rustfmt does not follow one inside a macro.

use std::path::Path;

use super::code;
use super::repository::{Repository, SourceFile};

/// A folder of which each file is one component, and the file that lists them.
struct Registry {
    folder: &'static str,
    list: &'static str,
    entry: RegistryEntry,
}

/// What the list must contain for each file.
#[derive(Clone, Copy)]
enum RegistryEntry {
    /// The line `mod x;`.
    Module,
    /// The line `mod x;`, and `x::…` inside the brackets of a list.
    ModuleAndItem,
    /// `"x"` inside the brackets of a list.
    Name,
    /// `"x"` inside the brackets of a list, for each folder with a TOML file.
    Folder,
    /// The line that imports or exports the JavaScript file.
    Export,
}

const REGISTRIES: &[Registry] = &[
    registry("crates/graph/src/ops", "crates/graph/src/ops/mod.rs", RegistryEntry::Module),
    registry("crates/onnx/src/ops", "crates/onnx/src/ops/mod.rs", RegistryEntry::Module),
    registry(
        "crates/static-network/src/ops",
        "crates/static-network/src/ops/mod.rs",
        RegistryEntry::Module,
    ),
    registry(
        "crates/onnx/src/reader/operators",
        "crates/onnx/src/reader/operators/mod.rs",
        RegistryEntry::Module,
    ),
    registry("crates/nn/src/layers", "crates/nn/src/layers/mod.rs", RegistryEntry::ModuleAndItem),
    registry("crates/nn/src/losses", "crates/nn/src/losses/mod.rs", RegistryEntry::ModuleAndItem),
    registry("crates/nn/src/init", "crates/nn/src/init/mod.rs", RegistryEntry::ModuleAndItem),
    registry("crates/nn/src/optim", "crates/nn/src/optim/mod.rs", RegistryEntry::ModuleAndItem),
    registry(
        "crates/nn/src/schedule",
        "crates/nn/src/schedule/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry(
        "crates/runs/src/metrics",
        "crates/runs/src/metrics/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry("crates/augment/src", "crates/augment/src/lib.rs", RegistryEntry::ModuleAndItem),
    registry(
        "crates/runs/src/experiment/sources",
        "crates/runs/src/experiment/sources/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry(
        "crates/runs/src/tune/methods",
        "crates/runs/src/tune/methods/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry("crates/data/src/made", "crates/data/src/made/mod.rs", RegistryEntry::Module),
    registry("crates/data/src/readers", "crates/data/src/readers/mod.rs", RegistryEntry::Module),
    registry(
        "crates/data/src/transforms",
        "crates/data/src/transforms/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry(
        "crates/commands/src/commands",
        "crates/commands/src/commands/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry(
        "crates/gradus/src/studio/endpoints",
        "crates/gradus/src/studio/endpoints/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry("xtask/src/tidy", "xtask/src/tidy/mod.rs", RegistryEntry::Module),
    registry(
        "crates/lessons/src/instruments",
        "crates/lessons/src/instruments/mod.rs",
        RegistryEntry::ModuleAndItem,
    ),
    registry("crates/lessons/lessons", "crates/lessons/src/catalogue.rs", RegistryEntry::Folder),
    registry("crates/runs/presets", "crates/runs/src/presets.rs", RegistryEntry::Name),
    registry(
        "crates/studio/assets/pages",
        "crates/studio/assets/pages/all.js",
        RegistryEntry::Export,
    ),
    registry(
        "crates/studio/assets/panels",
        "crates/studio/assets/panels/all.js",
        RegistryEntry::Export,
    ),
];

/// Files of a registry folder that are shared by its components.
const SHARED: &[&str] = &[
    "crates/augment/src/picture.rs",
    "crates/nn/src/init/testing.rs",
    "crates/nn/src/losses/testing.rs",
    "crates/nn/src/optim/clip.rs",
    "crates/nn/src/optim/ema.rs",
    "crates/nn/src/optim/formula.rs",
    "crates/nn/src/optim/lookahead.rs",
    "crates/nn/src/optim/testing.rs",
    "crates/runs/src/metrics/predictions/mod.rs",
    "crates/runs/src/metrics/sums.rs",
    "crates/studio/assets/panels/grid.js",
    "crates/studio/assets/panels/rows.js",
    "crates/studio/assets/panels/samples.js",
];

const fn registry(folder: &'static str, list: &'static str, entry: RegistryEntry) -> Registry {
    Registry { folder, list, entry }
}

pub(super) fn check(repository: &Repository) -> Vec<String> {
    REGISTRIES.iter().flat_map(|registry| missing(repository, registry)).collect()
}

fn missing(repository: &Repository, registry: &Registry) -> Vec<String> {
    let is_component = |file: &&SourceFile| {
        Path::new(&file.path).starts_with(registry.folder)
            && file.path != registry.list
            && !SHARED.contains(&&*file.path)
            && [".rs", ".js", ".toml"].iter().any(|extension| file.path.ends_with(extension))
    };
    let components = repository.files.iter().filter(is_component);
    let findings = components.filter_map(|file| {
        // A component with files of its own is a folder, in which `mod.rs` declares them.
        let path = match registry.entry {
            RegistryEntry::Folder => file.path.rsplit_once('/')?.0,
            _ => file.path.strip_suffix("/mod.rs").unwrap_or(&file.path),
        };
        let (folder, name) = path.rsplit_once('/')?;
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let is_nested = folder != registry.folder;
        let (list, entry) = match is_nested {
            true => (format!("{folder}/mod.rs"), RegistryEntry::Module),
            false => (registry.list.to_owned(), registry.entry),
        };
        let found = repository.files.iter().find(|file| file.path == list);
        let missing = match (found, entry) {
            (Some(list), RegistryEntry::Module) => module(list, stem),
            (Some(list), RegistryEntry::ModuleAndItem) => {
                module(list, stem).or_else(|| item(list, stem))
            }
            (Some(list), RegistryEntry::Name | RegistryEntry::Folder) => quoted(list, stem),
            (Some(list), RegistryEntry::Export) => export(list, name),
            (None, _) => Some("such file".to_owned()),
        };
        Some(format!("{}: {list} has no {}", file.path, missing?))
    });
    findings.collect()
}

/// The line `mod x;`, if it is missing.
fn module(list: &SourceFile, module: &str) -> Option<String> {
    let found = code::find(&list.tokens, &["mod", module, ";"]);
    (!found.iter().any(|token| token.depth == 0)).then(|| format!("line `mod {module};`"))
}

/// The entry `x::…` of a list, if it is missing.
fn item(list: &SourceFile, module: &str) -> Option<String> {
    let found = code::find(&list.tokens, &[module, ":", ":"]);
    (!found.iter().any(|token| token.depth > 0)).then(|| format!("entry `{module}::…`"))
}

/// The entry `"x"` of a list, if it is missing.
fn quoted(list: &SourceFile, name: &str) -> Option<String> {
    let entry = format!("\"{name}\"");
    let found = code::find(&list.tokens, &[&entry]);
    (!found.iter().any(|token| token.depth > 0)).then(|| format!("entry `{entry}`"))
}

/// The line that imports or exports a JavaScript file, if it is missing.
fn export(list: &SourceFile, file: &str) -> Option<String> {
    let end = format!("from \"./{file}\";");
    let is_entry = |line: &str| {
        ["export ", "import "].iter().any(|start| line.starts_with(start)) && line.ends_with(&end)
    };
    (!list.text.lines().any(is_entry)).then(|| format!("import of `{file}`"))
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
    fn a_file_that_is_declared_but_not_in_the_list_is_found() {
        let list = "pub mod linear;\npub mod relu;\nuse relu::Relu;\nregistry! { linear::Linear }";
        let files = [
            ("crates/nn/src/layers/mod.rs", list),
            ("crates/nn/src/layers/linear.rs", ""),
            ("crates/nn/src/layers/relu.rs", ""),
        ];
        let expected =
            "crates/nn/src/layers/relu.rs: crates/nn/src/layers/mod.rs has no entry `relu::…`";
        assert_eq!(check(&Repository::of(&files)), [expected]);
    }

    #[test]
    fn a_declaration_inside_a_macro_does_not_count() {
        let files = [
            ("crates/nn/src/layers/mod.rs", "all! { pub mod linear; linear::Linear }"),
            ("crates/nn/src/layers/linear.rs", ""),
        ];
        assert_eq!(check(&Repository::of(&files)).len(), 1);
    }

    #[test]
    fn presets_and_pages_are_entered_too() {
        let pages = "export { default as draw } from \"./draw.js\";\n// ./new.js";
        let files = [
            ("crates/runs/src/presets.rs", "const ALL: &[P] = &[preset!(\"softmax\")];"),
            ("crates/lessons/src/catalogue.rs", "lessons! { \"00-neurons\" }"),
            ("crates/lessons/lessons/00-neurons/lesson.toml", ""),
            ("crates/lessons/lessons/01-data/lesson.toml", ""),
            ("crates/runs/presets/softmax.toml", ""),
            ("crates/runs/presets/conv.toml", ""),
            ("crates/studio/assets/pages/all.js", pages),
            ("crates/studio/assets/pages/draw.js", ""),
            ("crates/studio/assets/pages/new.js", ""),
        ];
        let expected = [
            "crates/lessons/lessons/01-data/lesson.toml: crates/lessons/src/catalogue.rs has no entry `\"01-data\"`",
            "crates/runs/presets/conv.toml: crates/runs/src/presets.rs has no entry `\"conv\"`",
            "crates/studio/assets/pages/new.js: crates/studio/assets/pages/all.js has no import of `new.js`",
        ];
        assert_eq!(check(&Repository::of(&files)), expected);
    }
}
