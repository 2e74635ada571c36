//! No placeholder, no debugging print, no test that is switched off.

use super::repository::{Repository, SourceFile};

const PATTERNS: &[&[&str]] =
    &[&["todo", "!", "("], &["unimplemented", "!", "("], &["dbg", "!", "("], &["#", "[", "ignore"]];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    repository.rust_files().flat_map(leftovers).collect()
}

fn leftovers(file: &SourceFile) -> Vec<String> {
    let leftovers = PATTERNS.iter().flat_map(|pattern| {
        let lines = file.lines_of(pattern).into_iter();
        lines.map(|line| format!("{}:{line}: `{}`", file.path, pattern.concat()))
    });
    leftovers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_but_not_in_comments_and_strings() {
        let text = "// todo!()\nfn f() { todo!() }\nfn g() { unimplemented!(\"dbg!(x)\") }\n\
                    fn h() { dbg!(x) }\n#[ignore = \"slow\"]\nfn i() { ignore!() }";
        let expected = [
            "a.rs:2: `todo!(`",
            "a.rs:3: `unimplemented!(`",
            "a.rs:4: `dbg!(`",
            "a.rs:5: `#[ignore`",
        ];
        assert_eq!(check(&Repository::of(&[("a.rs", text)])), expected);
    }
}
