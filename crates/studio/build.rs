//! Packs the files of the pages, so that the binary contains them all without naming each, in a third of their size.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::DeflateEncoder;

fn main() {
    println!("cargo::rerun-if-changed=assets");
    let root = env::var("CARGO_MANIFEST_DIR").expect("set by Cargo");
    let (mut list, mut bytes) = (String::from("&[\n"), Vec::new());
    add(&Path::new(&root).join("assets"), "", &mut list, &mut bytes);
    list.push_str("]\n");
    let out = env::var("OUT_DIR").expect("set by Cargo");
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = packed.write_all(&bytes).and_then(|()| packed.finish());
    let packed = packed.expect("memory can be written");
    for (name, content) in [("assets.rs", list.as_bytes()), ("assets.bin", &packed)] {
        fs::write(Path::new(&out).join(name), content).expect("Cargo's own folder can be written");
    }
}

/// Lists all files in a folder and below, whose names begin with `start`, with their places among the bytes of all.
fn add(folder: &Path, start: &str, list: &mut String, bytes: &mut Vec<u8>) {
    let entries = fs::read_dir(folder).expect("the folder of the pages");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        let name = format!("{start}{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            add(&path, &format!("{name}/"), list, bytes);
            continue;
        }
        let first = bytes.len();
        bytes.extend(fs::read(&path).expect("a file of the pages"));
        let _ = writeln!(list, "({name:?}, {first}..{}),", bytes.len());
    }
}
