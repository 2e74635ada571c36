//! Every Rust file begins with `//!`, which says what it is.

use super::repository::Repository;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let bare = repository.rust_files().filter(|file| !file.text.starts_with("//! "));
    bare.map(|file| format!("{}: does not begin with `//! `", file.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_begins_with_code_is_found() {
        let files = [
            ("fine.rs", "//! The sum.\nfn sum() {}"),
            ("bare.rs", "use std::fmt;\n// //! Too late."),
            ("notes.md", "Not Rust."),
        ];
        let findings = check(&Repository::of(&files));
        assert_eq!(findings, ["bare.rs: does not begin with `//! `"]);
    }
}
