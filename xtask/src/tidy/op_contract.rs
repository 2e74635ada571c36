//! Every op file states its shapes, its gradient and its source, and its tests call `check_op`.

use super::repository::{Repository, SourceFile};

const WORDS: [&str; 3] = ["Shapes:", "Gradient:", "Source:"];
/// The check of any op, and those of families of ops, which call it.
const CHECKS: [&str; 3] = ["check_op", "check_unary", "check_binary"];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let ops = repository.rust_files().filter(|file| {
        file.path.starts_with("crates/graph/src/ops/") && !file.path.ends_with("/mod.rs")
    });
    ops.flat_map(missing).collect()
}

fn missing(file: &SourceFile) -> Vec<String> {
    let words = WORDS.iter().filter(|word| !file.text.contains(**word));
    let mut missing: Vec<_> =
        words.map(|word| format!("{}: does not state `{word}`", file.path)).collect();
    if CHECKS.iter().all(|check| file.lines_of(&[check, "("]).is_empty()) {
        missing.push(format!("{}: no test calls `check_op` or another check", file.path));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_without_gradient_and_check_is_found() {
        let fine = "//! Shapes: … Gradient: … Source: …\nfn test() { check_op(case) }";
        let poor = "//! Shapes: … Source: …\n// check_op(case)\nuse testing::check_op;";
        let files = [
            ("crates/graph/src/ops/fine.rs", fine),
            ("crates/graph/src/ops/poor.rs", poor),
            ("crates/graph/src/ops/mod.rs", "pub mod fine;\npub mod poor;"),
        ];
        let expected = [
            "crates/graph/src/ops/poor.rs: does not state `Gradient:`",
            "crates/graph/src/ops/poor.rs: no test calls `check_op` or another check",
        ];
        assert_eq!(check(&Repository::of(&files)), expected);
    }
}
