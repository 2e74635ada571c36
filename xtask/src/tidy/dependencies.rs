//! Crates depend on each other exactly as the table of `ARCHITECTURE.md` says.

use super::repository::{Crate, Repository};

const PAGE: &str = "ARCHITECTURE.md";
const HEADING: &str = "| crate | depends on |";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let page = repository.files.iter().find(|file| file.path == PAGE);
    let table = table(page.map_or("", |page| &page.text));
    let crates = &repository.crates;
    let mut findings = Vec::new();
    for Crate { name, uses, uses_in_tests } in crates {
        let Some((_, documented)) = table.iter().find(|(row, _)| row == name) else {
            findings.push(format!("{name}: the table of {PAGE} has no row for it"));
            continue;
        };
        let missing = uses.iter().filter(|used| !documented.contains(used));
        findings.extend(missing.map(|used| format!("{name}: {PAGE} does not allow {used}")));
        let unused = documented.iter().filter(|used| !uses.contains(used));
        findings
            .extend(unused.map(|used| format!("{name}: does not use {used}, which {PAGE} lists")));
        // Cargo itself refuses a cycle, except one through the dependencies of tests.
        let cycles = uses_in_tests.iter().filter(|used| reaches(crates, used, name));
        findings.extend(cycles.map(|used| format!("{name}: its tests use {used}, which uses it")));
    }
    findings
}

/// The rows of the table: a crate and its dependencies within the workspace.
fn table(page: &str) -> Vec<(String, Vec<String>)> {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let lines = page.lines().skip_while(|line| !line.starts_with(HEADING)).skip(2);
    for line in lines.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, dependencies, ..] = cells[..] else { continue };
        let listed = || dependencies.split([',', ' ']).filter(|name| name.starts_with('`'));
        let listed: Vec<String> = listed().map(|name| name.trim_matches('`').to_owned()).collect();
        let names = match dependencies.starts_with("all of the above") {
            true => {
                let above = rows.iter().map(|(name, _)| name.clone());
                above.filter(|name| !listed.contains(name)).collect()
            }
            false => listed,
        };
        rows.push((name.trim_matches('`').to_owned(), names));
    }
    rows
}

/// Whether dependencies lead from one crate to the other.
fn reaches(crates: &[Crate], from: &str, to: &str) -> bool {
    let uses = crates.iter().filter(|each| each.name == from).flat_map(|each| &each.uses);
    from == to || uses.into_iter().any(|next| reaches(crates, next, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Text\n\n| crate | depends on | contents |\n|---|---|---|\n\
                         | `text` | – | text |\n| `kernels` | – | loops |\n\
                         | `graph` | `kernels` | graphs |\n\
                         | `gradus` | all of the above except `text` | everything |\n\nMore.\n";

    fn repository(crates: &[(&str, &[&str], &[&str])]) -> Repository {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let crates = crates.iter().map(|&(name, uses, uses_in_tests)| Crate {
            name: name.to_owned(),
            uses: owned(uses),
            uses_in_tests: owned(uses_in_tests),
        });
        Repository { crates: crates.collect(), ..Repository::of(&[(PAGE, TABLE)]) }
    }

    #[test]
    fn the_dependencies_of_the_table_pass() {
        let fine: &[(&str, &[&str], &[&str])] = &[
            ("kernels", &[], &[]),
            ("graph", &["kernels"], &[]),
            ("gradus", &["kernels", "graph"], &[]),
        ];
        assert!(check(&repository(fine)).is_empty());
    }

    #[test]
    fn a_dependency_that_is_missing_on_either_side_is_found() {
        let findings = check(&repository(&[("kernels", &["graph"], &[]), ("graph", &[], &[])]));
        let expected = [
            "kernels: ARCHITECTURE.md does not allow graph",
            "graph: does not use kernels, which ARCHITECTURE.md lists",
        ];
        assert_eq!(findings, expected);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        let findings = check(&repository(&[("attic", &[], &[])]));
        assert_eq!(findings, ["attic: the table of ARCHITECTURE.md has no row for it"]);
    }

    #[test]
    fn a_cycle_through_tests_is_found() {
        let cycle: &[(&str, &[&str], &[&str])] =
            &[("kernels", &[], &["graph"]), ("graph", &["kernels"], &[])];
        let findings = check(&repository(cycle));
        assert_eq!(findings, ["kernels: its tests use graph, which uses it"]);
    }
}
