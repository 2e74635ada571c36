//! A file of data of any kind: the first byte chooses its ending, which is only a hint.

use std::fs;

use gradus::data::columns::{Target, TableOptions};

const ENDINGS: [&str; 6] = ["csv", "npy", "npz", "zip", "png", "gz"];

pub(crate) fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ending = ENDINGS[usize::from(*first) % ENDINGS.len()];
    let path = folder.path().join(format!("x.{ending}"));
    fs::write(&path, bytes).expect("a file");
    let options = TableOptions { target: Target::Last, ..TableOptions::default() };
    if let Ok(source) = gradus::data::open(&path, &options) {
        let _ = gradus::data::TableReport::of(&*source);
    }
}
