//! Recompresses the four original IDX files into the frames under `data/`.
//!
//! ```text
//! cargo run --release -p gradus-mnist --example recompress -- <folder of the IDX files> crates/mnist/data
//! ```
//!
//! The files are those named in README.md, decompressed; their SHA-256 is compared with its table.
//! Each loses its IDX header, which the crate's constants replace, and becomes one zstd frame at the
//! highest level, with a window that spans the whole file. The test images are compressed against
//! the training images as prefix, which saves 89 kB over a frame of their own. Nothing is shuffled
//! and nothing depends on the time or the machine: with zstd 1.5.7 the frames are those in README.md.
//! It takes about a minute and 0.7 GB of memory.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::{CCtx, CParameter, compress_bound, get_error_name};

const README: &str = include_str!("../README.md");

/// Bytes before the pixels: magic, count, rows, columns.
const IMAGES_HEADER: usize = 16;
/// Bytes before the labels: magic, count.
const LABELS_HEADER: usize = 8;

/// 64 MiB, the smallest power of two above the 54.88 MB of all images.
const WINDOW_LOG: u32 = 26;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        return Err("usage: recompress <folder of the IDX files> <folder of the frames>".into());
    };
    let (from, to) = (Path::new(from), Path::new(to));

    let train_images = read(&from.join("train-images-idx3-ubyte"), IMAGES_HEADER)?;
    let train_labels = read(&from.join("train-labels-idx1-ubyte"), LABELS_HEADER)?;
    let test_images = read(&from.join("t10k-images-idx3-ubyte"), IMAGES_HEADER)?;
    let test_labels = read(&from.join("t10k-labels-idx1-ubyte"), LABELS_HEADER)?;

    write(&to.join("train-images.zst"), &compress(&train_images, &[])?)?;
    write(&to.join("train-labels.zst"), &compress(&train_labels, &[])?)?;
    write(&to.join("t10k-images.zst"), &compress(&test_images, &train_images)?)?;
    write(&to.join("t10k-labels.zst"), &compress(&test_labels, &[])?)?;
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

/// One zstd frame with length and checksum, as small as zstd makes it.
fn compress(bytes: &[u8], prefix: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut frame = Vec::with_capacity(compress_bound(bytes.len()));
    let mut context = CCtx::create();
    context
        .set_parameter(CParameter::CompressionLevel(22))
        .and_then(|_| context.set_parameter(CParameter::WindowLog(WINDOW_LOG)))
        .and_then(|_| context.set_parameter(CParameter::ChecksumFlag(true)))
        .and_then(|_| context.ref_prefix(prefix))
        .and_then(|_| context.compress2(&mut frame, bytes))
        .map_err(get_error_name)?;
    Ok(frame)
}

/// Writes a frame and prints its row of the table in README.md.
fn write(path: &Path, frame: &[u8]) -> io::Result<()> {
    fs::write(path, frame)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    writeln!(io::stdout(), "| `{name}` | {} | `{}` |", frame.len(), hex_sha256(frame))
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
