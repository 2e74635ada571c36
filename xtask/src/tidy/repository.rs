//! What the rules look at: the files of the repository and the crates of the workspace.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::build_needs::BuildNeeds;
use super::code::{self, CodeToken};
use crate::process;

/// The repository as the rules see it.
#[derive(Default)]
pub(crate) struct Repository {
    /// Every text file that is tracked, or new and not ignored.
    pub(crate) files: Vec<SourceFile>,
    /// The crates of the workspace.
    pub(crate) crates: Vec<Crate>,
    /// What a build needs.
    pub(crate) build_needs: BuildNeeds,
}

/// A text file.
pub(crate) struct SourceFile {
    /// From the root, with `/` between folders.
    pub(crate) path: String,
    /// All that is in it.
    pub(crate) text: String,
    /// The same as code; empty where it is not Rust.
    pub(crate) tokens: Vec<CodeToken>,
}

/// A crate of the workspace and the crates of the workspace that it uses.
#[derive(Debug, PartialEq)]
pub(crate) struct Crate {
    /// Without the prefix `gradus-`.
    pub(crate) name: String,
    /// Used in what is built, build scripts included.
    pub(crate) uses: Vec<String>,
    /// Used in tests, examples and benchmarks.
    pub(crate) uses_in_tests: Vec<String>,
}

impl Repository {
    /// Reads the repository in the current folder.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let paths = process::read(Command::new("git").args(list))?;
        // A file that cannot be read as text is an image, an archive, or deleted but still tracked.
        let texts = paths
            .split_terminator('\0')
            .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)));
        let files =
            texts.map(|(path, text)| SourceFile::new(path, text)).collect::<Result<_, _>>()?;

        let ask = ["metadata", "--no-deps", "--format-version", "1"];
        let metadata = process::read(Command::new("cargo").args(ask))?;
        let crates = crates_of(&serde_json::from_str(&metadata)?)?;
        Ok(Self { files, crates, build_needs: BuildNeeds::read()? })
    }

    /// Every Rust file.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl SourceFile {
    fn new(path: &str, text: String) -> anyhow::Result<Self> {
        let is_rust = path.ends_with(".rs");
        let tokens = if is_rust { code::tokens(&text).context(path.to_owned())? } else { vec![] };
        Ok(Self { path: path.to_owned(), text, tokens })
    }

    /// The lines where the texts of `pattern` follow each other as code.
    pub(crate) fn lines_of(&self, pattern: &[&str]) -> Vec<usize> {
        code::find(&self.tokens, pattern).iter().map(|token| token.line).collect()
    }
}

#[cfg(test)]
impl Repository {
    /// A made-up one with these paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile::new(path, (*text).to_owned()).unwrap();
        Self { files: files.iter().map(file).collect(), ..Self::default() }
    }
}

/// Reads the answer of `cargo metadata`.
fn crates_of(metadata: &Value) -> anyhow::Result<Vec<Crate>> {
    let packages = metadata["packages"].as_array().context("cargo metadata: no packages")?;
    let is_own = |name: &Value| packages.iter().any(|package| package["name"] == *name);
    let short = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        name.strip_prefix("gradus-").unwrap_or(name).to_owned()
    };

    Ok(packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
            let own = dependencies.iter().filter(|dependency| is_own(&dependency["name"]));
            let (tests, built): (Vec<_>, Vec<_>) = own.partition(|own| own["kind"] == "dev");
            let names = |list: Vec<&Value>| list.iter().map(|own| short(&own["name"])).collect();
            Crate { name: short(&package["name"]), uses: names(built), uses_in_tests: names(tests) }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_crates_are_told_from_libraries_and_tests_from_the_rest() {
        let metadata = json!({ "packages": [
            { "name": "gradus-graph", "dependencies": [
                { "name": "gradus-kernels", "kind": null },
                { "name": "libm", "kind": null },
                { "name": "gradus", "kind": "dev" },
            ] },
            { "name": "gradus-kernels", "dependencies": [] },
            { "name": "gradus", "dependencies": [{ "name": "gradus-graph", "kind": "build" }] },
        ] });
        let row = |name: &str, uses: &[&str], uses_in_tests: &[&str]| Crate {
            name: name.to_owned(),
            uses: uses.iter().map(ToString::to_string).collect(),
            uses_in_tests: uses_in_tests.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            crates_of(&metadata).unwrap(),
            [
                row("graph", &["kernels"], &["gradus"]),
                row("kernels", &[], &[]),
                row("gradus", &["graph"], &[]),
            ],
        );
    }
}
