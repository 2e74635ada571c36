//! Loops for vector instructions stand in crates that are optimised for speed.
//!
//! `vectorize` compiles a loop where it is called. In a crate that the release profile makes small code of, it stays a loop
//! over single numbers, and nothing says so. The same holds for a generic function of the kernels that is compiled in the
//! crate that calls it: those are `#[inline(never)]`, and named by a static of the kernels.

use super::repository::Repository;

const PROFILES: &str = "Cargo.toml";

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let profiles = repository.files.iter().find(|file| file.path == PROFILES);
    let small = profiles.map_or("", |file| &file.text).lines().filter_map(small_crate);
    let folders: Vec<String> = small.map(|name| format!("crates/{name}/src/")).collect();
    if folders.is_empty() && profiles.is_some() {
        let expected = "lines such as `gradus-runs = { opt-level = \"s\" }`";
        return vec![format!("{PROFILES}: expected {expected}, found none")];
    }
    let is_small = |path: &str| folders.iter().any(|folder| path.starts_with(folder));
    let files = repository.rust_files().filter(|file| is_small(&file.path));
    let loops = files.flat_map(|file| {
        let lines = file.lines_of(&["vectorize"]).into_iter();
        lines.map(|line| format!("{}:{line}: vectorize in a crate of small code", file.path))
    });
    loops.collect()
}

/// The crate of the workspace of which a line of a profile makes small code, without the prefix `gradus-`.
fn small_crate(line: &str) -> Option<&str> {
    let (package, settings) = line.split_once(" = {")?;
    let is_small = ["\"s\"", "\"z\""].iter().any(|level| settings.contains(level));
    let name = package.strip_prefix("gradus-").or((package == "gradus").then_some(package));
    name.filter(|_| is_small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectorize_is_found_in_crates_of_small_code_only() {
        let profiles = "[profile.release.package]\n\
                        gradus-nn = { codegen-units = 1 }\n\
                        gradus-runs = { opt-level = \"s\", codegen-units = 1 }\n\
                        gradus-pages = { opt-level = \"z\" }\n\
                        gradus = { opt-level = \"z\" }\n\
                        other = { opt-level = \"z\" }\n";
        let code = "// vectorize\nfn f() { vectorize(g) }";
        let repository = Repository::of(&[
            (PROFILES, profiles),
            ("crates/nn/src/a.rs", code),
            ("crates/runs/src/a.rs", code),
            ("crates/runs/tests/a.rs", code),
            ("crates/pages/src/b.rs", "fn f() {}"),
            ("crates/gradus/src/lib.rs", code),
        ]);
        let found = ["crates/runs/src/a.rs:2", "crates/gradus/src/lib.rs:2"];
        let found = found.map(|place| format!("{place}: vectorize in a crate of small code"));
        assert_eq!(check(&repository), found);
        assert_eq!(check(&Repository::of(&[(PROFILES, "[workspace]")])).len(), 1);
    }
}
