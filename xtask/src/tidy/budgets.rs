//! What a build may cost: crates of others, and bytes of the binary. What does not fit is a feature, or a crate that
//! only `xtask` or a test needs. `docs/build-cost.md` has the reasons and the times.

use std::fs;
use std::process::Command;

use super::repository::Repository;
use crate::process;

/// A program of the workspace and the most crates of others that it may need to be built.
struct Budget {
    package: &'static str,
    most: usize,
}

const BUDGETS: [Budget; 2] =
    [Budget { package: "gradus", most: 60 }, Budget { package: "gradus-cli", most: 110 }];

const BINARY: &str = "target/release/gradus";
const MOST_BYTES: u64 = 25_000_000;

/// What a build of the repository needs.
#[derive(Default)]
pub(crate) struct BuildNeeds {
    /// Packages of the workspace, with the crates of others that each needs.
    pub(crate) crates: Vec<(&'static str, usize)>,
    /// Bytes of the binary, if it was built.
    pub(crate) binary_bytes: Option<u64>,
}

impl BuildNeeds {
    /// Asks Cargo.
    ///
    /// # Errors
    ///
    /// If it does not answer.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut crates = Vec::new();
        for Budget { package, .. } in BUDGETS {
            let ask = ["tree", "--package", package, "--edges", "normal,build", "--prefix", "none"];
            crates.push((package, count(&process::read(Command::new("cargo").args(ask))?)));
        }
        let binary_bytes = fs::metadata(BINARY).ok().map(|file| file.len());
        Ok(Self { crates, binary_bytes })
    }
}

/// The different crates of others in the output of `cargo tree`. Those of the workspace have a path.
fn count(tree: &str) -> usize {
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    let mut names: Vec<&str> =
        lines.filter(|line| !line.is_empty() && !line.contains(" (/")).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

/// Budgets that are exceeded.
pub(super) fn check(repository: &Repository) -> Vec<String> {
    let BuildNeeds { crates, binary_bytes } = &repository.build_needs;
    let most = |package: &str| BUDGETS.iter().find(|budget| budget.package == package);
    let crates = crates.iter().filter_map(|&(package, found)| {
        let most = most(package)?.most;
        (found > most)
            .then(|| format!("{package}: needs {found} crates of others, expected at most {most}"))
    });
    let binary = binary_bytes.filter(|bytes| *bytes > MOST_BYTES);
    let binary =
        binary.map(|bytes| format!("{BINARY}: {bytes} bytes, expected at most {MOST_BYTES}"));
    crates.chain(binary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_counted_once() {
        let tree = "gradus v0.1.0 (/a/b)\nlibm v0.2.16\nserde v1.0.1\nlibm v0.2.16 (*)\n\nsyn v2.0.1\nsyn v3.0.1\n";
        assert_eq!(count(tree), 4);
    }

    #[test]
    fn exceeded_budgets_are_named_with_what_was_found_and_expected() {
        let needs = |library, binary_bytes| Repository {
            build_needs: BuildNeeds { crates: vec![("gradus", library)], binary_bytes },
            ..Repository::default()
        };
        assert_eq!(check(&needs(60, Some(25_000_000))), Vec::<String>::new());
        assert_eq!(check(&needs(60, None)), Vec::<String>::new());
        assert_eq!(
            check(&needs(61, Some(25_000_001))),
            [
                "gradus: needs 61 crates of others, expected at most 60",
                "target/release/gradus: 25000001 bytes, expected at most 25000000",
            ],
        );
    }
}
