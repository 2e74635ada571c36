//! Recompresses the four original IDX files into the files under `data/`, on any machine the same bytes.
//!
//! ```text
//! cargo run --release -p gradus-mnist --example recompress -- <folder of the IDX files> crates/mnist/data
//! ```
//!
//! The files are those named in README.md, decompressed; their SHA-256 is compared with its table.
//! The images of both sets become one file without headers, coded as the module `codec` says; labels are packed two a byte.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use gradus_mnist::codec;
use sha2::{Digest as _, Sha256};

const README: &str = include_str!("../README.md");

/// Bytes before the pixels: magic, count, rows, columns.
const IMAGES_HEADER: usize = 16;
/// Bytes before the labels: magic, count.
const LABELS_HEADER: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        return Err("usage: recompress <folder of the IDX files> <folder of the results>".into());
    };
    let (from, to) = (Path::new(from), Path::new(to));

    let train_images = read(&from.join("train-images-idx3-ubyte"), IMAGES_HEADER)?;
    let train_labels = read(&from.join("train-labels-idx1-ubyte"), LABELS_HEADER)?;
    let test_images = read(&from.join("t10k-images-idx3-ubyte"), IMAGES_HEADER)?;
    let test_labels = read(&from.join("t10k-labels-idx1-ubyte"), LABELS_HEADER)?;

    let labels = [train_labels, test_labels].concat();
    let labels: Vec<u8> = labels.chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect();
    write(&to.join("images.bin"), &codec::encode(&[train_images, test_images].concat()))?;
    write(&to.join("labels.bin"), &labels)?;
    Ok(())
}

/// The bytes of an original file after its header.
fn read(path: &Path, header: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let sha256 = hex_sha256(&bytes);
    if !README.contains(&sha256) {
        return Err(format!("{}: SHA-256 {sha256} is not in README.md", path.display()).into());
    }
    bytes.drain(..header);
    Ok(bytes)
}

/// Writes a file and prints its row of the table in README.md.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    writeln!(io::stdout(), "| `{name}` | {} | `{}` |", bytes.len(), hex_sha256(bytes))
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
