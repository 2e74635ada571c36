//! No absolute path that exists on one machine only.

use super::repository::{Repository, SourceFile};

/// In two halves, so that this file does not name what it forbids.
const ROOTS: [&str; 3] = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/")];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let files = repository.files.iter().filter(|file| file.path != "Cargo.lock");
    files.flat_map(machine_paths).collect()
}

fn machine_paths(file: &SourceFile) -> impl Iterator<Item = String> {
    file.text.lines().enumerate().filter_map(|(i, line)| {
        let root = ROOTS.iter().find(|root| names_root(line, root))?;
        Some(format!("{}:{}: names a path below {root}", file.path, i + 1))
    })
}

/// Whether the line has a path that begins at `root`, rather than one that passes a folder of that
/// name, as `docs` followed by the root does.
fn names_root(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_are_found_and_relative_ones_pass() {
        let [home, root, work] = ROOTS;
        let text =
            format!("open('{home}ann/x')\ndocs{work}plan\n{root}.cache\nhttps://a.org{home}\n");
        let files = [("a.py", text.as_str()), ("Cargo.lock", &text)];
        let findings = check(&Repository::of(&files));
        let expected = [("1", home), ("3", root)]
            .map(|(line, root)| format!("a.py:{line}: names a path below {root}"));
        assert_eq!(findings, expected);
    }
}
