//! What a build of the repository needs: third-party crates.

use std::process::Command;

use crate::process;

/// The packages with a budget.
const PACKAGES: [&str; 2] = ["gradus", "gradus-cli"];

/// What a build of the repository needs.
#[derive(Default)]
pub(crate) struct BuildNeeds {
    /// Packages of the workspace, with the third-party crates that each needs.
    pub(crate) crates: Vec<(&'static str, usize)>,
}

impl BuildNeeds {
    /// Asks Cargo.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut crates = Vec::new();
        for package in PACKAGES {
            let ask = ["tree", "--package", package, "--edges", "normal,build", "--prefix", "none"];
            crates.push((package, count(&process::read(Command::new("cargo").args(ask))?)));
        }
        Ok(Self { crates })
    }
}

/// The different third-party crates in the output of `cargo tree`. Those of the workspace have a path.
fn count(tree: &str) -> usize {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    let mut names: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.contains(" (/")).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_counted_once() {
        let tree = "gradus v0.1.0 (/a/b)\nlibm v0.2.16\nserde v1.0.1\nlibm v0.2.16 (*)\n\nsyn v2.0.1\nsyn v3.0.1\n";
        assert_eq!(count(tree), 4);
    }
}
