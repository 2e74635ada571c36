//! The token `unsafe` stands in the kernels only.
//!
//! The lint `unsafe_code` says the same, but a crate could switch it off for itself.

use super::repository::{Repository, SourceFile};

/// The kernels, and the comparison with crates whose products are unsafe functions. That one is not part of
/// the workspace.
const ALLOWED: [&str; 2] = ["crates/kernels/", "bench/gemm/"];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let is_allowed =
        |file: &&SourceFile| ALLOWED.iter().any(|folder| file.path.starts_with(folder));
    repository.rust_files().filter(|file| !is_allowed(file)).flat_map(unsafe_code).collect()
}

fn unsafe_code(file: &SourceFile) -> Vec<String> {
    let lines = file.lines_of(&["unsafe"]).into_iter();
    lines.map(|line| format!("{}:{line}: unsafe code", file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_allowed_in_the_kernels_only() {
        let text = "#![forbid(unsafe_code)] // unsafe\nfn f() { unsafe { g() } }";
        let files = ["crates/kernels/src/lib.rs", "crates/graph/src/lib.rs"];
        let repository = Repository::of(&files.map(|path| (path, text)));
        assert_eq!(check(&repository), ["crates/graph/src/lib.rs:2: unsafe code"]);
    }
}
