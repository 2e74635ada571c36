//! A test that is named after a row of `docs/sources.md` has that row, and each row has a test.

use std::collections::BTreeSet;

use super::repository::Repository;

const PAGE: &str = "docs/sources.md";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let page = repository.files.iter().find(|file| file.path == PAGE);
    let cells = page.iter().flat_map(|page| page.text.lines()).filter_map(|line| {
        let cell = line.strip_prefix("| ")?.split(' ').next()?;
        is_row(cell).then(|| cell.to_owned())
    });
    let rows: BTreeSet<String> = cells.collect();
    let mut tested = BTreeSet::new();
    let mut findings = Vec::new();
    for file in repository.rust_files().filter(|file| file.path.starts_with("crates/")) {
        for pair in file.tokens.windows(2).filter(|pair| pair[0].text == "fn") {
            let Some((row, _)) = pair[1].text.split_once('_') else { continue };
            if is_row(row) && !rows.contains(row) {
                findings.push(format!("{}:{}: {PAGE} has no row {row}", file.path, pair[1].line));
            }
            tested.insert(row.to_owned());
        }
    }
    findings.extend(rows.difference(&tested).map(|row| format!("{PAGE}: row {row} has no test")));
    findings
}

/// Whether this is the number of a row, such as `g12`.
fn is_row(text: &str) -> bool {
    let digits = text.strip_prefix(['g', 't']).unwrap_or_default();
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_without_a_row_and_a_row_without_a_test_are_found() {
        let files = [
            (PAGE, "| row | source |\n|---|---|\n| g1 | a |\n| g2 | b |\n"),
            ("crates/a/src/lib.rs", "fn g1_is_fine() {}\nfn g3_is_missing() {}\nfn gemm_nt() {}"),
        ];
        let expected = [
            "crates/a/src/lib.rs:2: docs/sources.md has no row g3",
            "docs/sources.md: row g2 has no test",
        ];
        assert_eq!(check(&Repository::of(&files)), expected);
    }
}
