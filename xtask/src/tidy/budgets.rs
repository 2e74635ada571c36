//! What a build may cost: third-party crates, and bytes of the binary. What does not fit is a feature, or a crate that
//! only `xtask` or a test needs. `docs/build-cost.md` has the reasons and the times.

use super::build_needs::{BINARY, BuildNeeds};
use super::repository::Repository;

/// A program of the workspace and the most third-party crates that it may need to be built.
struct Budget {
    package: &'static str,
    most: usize,
}

const BUDGETS: [Budget; 2] =
    [Budget { package: "gradus", most: 60 }, Budget { package: "gradus-cli", most: 110 }];

const MOST_BYTES: u64 = 25_000_000;

/// Budgets that are exceeded.
pub(super) fn check(repository: &Repository) -> Vec<String> {
    let BuildNeeds { crates, binary_bytes } = &repository.build_needs;
    let most = |package: &str| BUDGETS.iter().find(|budget| budget.package == package);
    let crates = crates.iter().filter_map(|&(package, found)| {
        let most = most(package)?.most;
        (found > most).then(|| {
            format!("{package}: needs {found} third-party crates, expected at most {most}")
        })
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
                "gradus: needs 61 third-party crates, expected at most 60",
                "target/release/gradus: 25000001 bytes, expected at most 25000000",
            ],
        );
    }
}
