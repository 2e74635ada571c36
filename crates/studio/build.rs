//! Lists the files of the pages, so that the binary contains them all without naming each.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=assets");
    let root = env::var("CARGO_MANIFEST_DIR").expect("set by Cargo");
    let mut code = String::from("&[\n");
    list(&Path::new(&root).join("assets"), "", &mut code);
    code.push_str("]\n");
    let list = Path::new(&env::var("OUT_DIR").expect("set by Cargo")).join("assets.rs");
    fs::write(list, code).expect("Cargo's own folder can be written");
}

/// Lists all files in a folder and below, whose names begin with `start`.
fn list(folder: &Path, start: &str, code: &mut String) {
    let entries = fs::read_dir(folder).expect("the folder of the pages");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = format!("{start}{}", path.file_name().expect("a name").to_string_lossy());
        match path.is_dir() {
            true => list(&path, &format!("{name}/"), code),
            false => _ = writeln!(code, "({name:?}, include_bytes!({path:?})),"),
        }
    }
}
