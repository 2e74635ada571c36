//! Lists the files of the pages, so that the binary contains them all without naming each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=assets");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by Cargo")).join("assets");
    let mut files = Vec::new();
    list(&root, &mut files);
    files.sort();
    let mut code = String::from("&[\n");
    for file in files {
        let path = file.strip_prefix(&root).expect("found below it");
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        let _ = writeln!(code, "({:?}, include_bytes!({file:?})),", parts.join("/"));
    }
    code.push_str("]\n");
    let list = Path::new(&env::var("OUT_DIR").expect("set by Cargo")).join("assets.rs");
    fs::write(list, code).expect("Cargo's own folder can be written");
}

/// Finds all files in a folder and below.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of the pages") {
        let path = entry.expect("an entry of that folder").path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}
