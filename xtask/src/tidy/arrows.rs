//! Crates use each other only along the arrows of the architecture.

use super::repository::{Crate, Repository};

/// Each crate of the workspace and the crates of the workspace it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("diagnostics", &[]),
    ("kernels", &[]),
    ("events", &[]),
    ("mnist", &[]),
    ("data", &[]),
    ("graph", &["kernels", "diagnostics"]),
    ("nn", &["graph", "kernels"]),
    ("runs", &["graph", "nn", "data", "events", "kernels", "diagnostics"]),
    ("train", &["runs", "graph", "nn", "data", "events", "kernels"]),
    (
        "gradus",
        &["graph", "nn", "data", "events", "runs", "train", "mnist", "kernels", "diagnostics"],
    ),
    ("studio", &["runs", "graph", "nn", "data", "events", "diagnostics"]),
    ("cli", &["gradus", "studio", "diagnostics"]),
    ("xtask", &["gradus", "diagnostics"]),
];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let crates = &repository.crates;
    let mut findings = Vec::new();
    for Crate { name, uses, uses_in_tests } in crates {
        let Some((_, allowed)) = ALLOWED.iter().find(|(row, _)| row == name) else {
            findings.push(format!("{name}: has no row in the table of xtask/src/tidy/arrows.rs"));
            continue;
        };
        let forbidden = uses.iter().filter(|used| !allowed.contains(&used.as_str()));
        findings.extend(forbidden.map(|used| format!("{name}: must not use {used}")));
        // Cargo itself refuses a circle, except one that tests close.
        let circles = uses_in_tests.iter().filter(|used| reaches(crates, used, name));
        findings.extend(circles.map(|used| format!("{name}: its tests use {used}, which uses it")));
    }
    findings
}

/// Whether the arrows of what is built lead from one crate to the other.
fn reaches(crates: &[Crate], from: &str, to: &str) -> bool {
    let uses = crates.iter().filter(|each| each.name == from).flat_map(|each| &each.uses);
    from == to || uses.into_iter().any(|next| reaches(crates, next, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(crates: &[(&str, &[&str], &[&str])]) -> Repository {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let crates = crates.iter().map(|&(name, uses, uses_in_tests)| Crate {
            name: name.to_owned(),
            uses: owned(uses),
            uses_in_tests: owned(uses_in_tests),
        });
        Repository { crates: crates.collect(), ..Repository::default() }
    }

    #[test]
    fn arrows_of_the_table_pass() {
        let fine: &[(&str, &[&str], &[&str])] =
            &[("kernels", &[], &[]), ("graph", &["kernels"], &[]), ("nn", &["graph"], &["mnist"])];
        assert!(check(&repository(fine)).is_empty());
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let findings = check(&repository(&[("kernels", &["graph"], &[])]));
        assert_eq!(findings, ["kernels: must not use graph"]);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        assert_eq!(check(&repository(&[("attic", &[], &[])])).len(), 1);
    }

    #[test]
    fn a_circle_that_tests_close_is_found() {
        let circle: &[(&str, &[&str], &[&str])] =
            &[("kernels", &[], &["nn"]), ("graph", &["kernels"], &[]), ("nn", &["graph"], &[])];
        let findings = check(&repository(circle));
        assert_eq!(findings, ["kernels: its tests use nn, which uses it"]);
    }
}
