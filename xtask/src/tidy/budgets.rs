//! What a build may cost: third-party crates. What does not fit is a feature, or a crate that only `xtask` or a test needs.
//! `docs/build-cost.md` has the reasons and the times.

use super::build_needs::BuildNeeds;
use super::repository::Repository;

/// A program of the workspace and the most third-party crates that it may need to be built.
struct Budget {
    package: &'static str,
    most: usize,
}

const BUDGETS: [Budget; 2] =
    [Budget { package: "gradus", most: 60 }, Budget { package: "gradus-cli", most: 116 }];

/// Budgets that are exceeded.
pub(super) fn check(repository: &Repository) -> Vec<String> {
    let BuildNeeds { crates } = &repository.build_needs;
    let most = |package: &str| BUDGETS.iter().find(|budget| budget.package == package);
    let exceeded = crates.iter().filter_map(|&(package, found)| {
        let most = most(package)?.most;
        (found > most).then(|| {
            format!("{package}: needs {found} third-party crates, expected at most {most}")
        })
    });
    exceeded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceeded_budgets_are_named_with_what_was_found_and_expected() {
        let needs = |library| Repository {
            build_needs: BuildNeeds { crates: vec![("gradus", library)] },
            ..Repository::default()
        };
        assert_eq!(check(&needs(60)), Vec::<String>::new());
        let expected = ["gradus: needs 61 third-party crates, expected at most 60"];
        assert_eq!(check(&needs(61)), expected);
    }
}
