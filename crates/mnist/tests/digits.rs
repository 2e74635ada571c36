//! The embedded digits are the original ones, to the byte.

use std::fs;
use std::path::Path;

use gradus_mnist::{CLASSES, COLUMNS, Mnist, PIXELS, ROWS, TEST_COUNT, TRAIN_COUNT, load};
use sha2::{Digest as _, Sha256};

const README: &str = include_str!("../README.md");

fn digits() -> Mnist {
    load().expect("the embedded digits are intact")
}

/// Asserts that README.md lists a file with this name, length and SHA-256.
#[track_caller]
fn assert_listed(name: &str, bytes: &[u8]) {
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let row = format!("| `{name}` | {} | `{sha256}` |", bytes.len());
    assert!(README.contains(&row), "not in README.md: {row}");
}

/// The original IDX file: magic and sizes, big endian, then the bytes.
fn idx(header: &[usize], bytes: &[u8]) -> Vec<u8> {
    let header = header.iter().flat_map(|&field| (field as u32).to_be_bytes());
    header.chain(bytes.iter().copied()).collect()
}

#[test]
fn with_their_headers_the_digits_are_the_four_original_files() {
    let Mnist { train_images, train_labels, test_images, test_labels } = digits();
    let images = |count, bytes: &[u8]| idx(&[0x803, count, ROWS, COLUMNS], bytes);
    let labels = |count, bytes: &[u8]| idx(&[0x801, count], bytes);
    assert_listed("train-images-idx3-ubyte", &images(TRAIN_COUNT, &train_images));
    assert_listed("train-labels-idx1-ubyte", &labels(TRAIN_COUNT, &train_labels));
    assert_listed("t10k-images-idx3-ubyte", &images(TEST_COUNT, &test_images));
    assert_listed("t10k-labels-idx1-ubyte", &labels(TEST_COUNT, &test_labels));
}

#[test]
fn the_embedded_files_are_those_the_readme_lists() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("data")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_listed(name, &fs::read(&path).unwrap());
    }
}

#[test]
fn counts_and_label_histograms_are_the_published_ones_in_buffers_of_that_size() {
    let Mnist { train_images, train_labels, test_images, test_labels } = digits();
    let histogram = |labels: &[u8]| {
        let mut counts = [0; CLASSES];
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        counts
    };
    let published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
    assert_eq!(histogram(&train_labels), published);
    let published = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];
    assert_eq!(histogram(&test_labels), published);
    assert_eq!(train_images.len(), TRAIN_COUNT * PIXELS);
    assert_eq!(test_images.len(), TEST_COUNT * PIXELS);
    for buffer in [train_images, train_labels, test_images, test_labels] {
        assert_eq!(buffer.capacity(), buffer.len());
    }
}

#[test]
fn training_pixels_have_the_published_mean_and_standard_deviation() {
    // Sums of integers are exact: 47 million squares of at most 255 fit 42 bits.
    let (mut sum, mut sum_of_squares) = (0_u64, 0_u64);
    for pixel in digits().train_images.into_iter().map(u64::from) {
        sum += pixel;
        sum_of_squares += pixel * pixel;
    }
    let count = (TRAIN_COUNT * PIXELS) as f64;
    let mean = sum as f64 / count / 255.0;
    let variance = sum_of_squares as f64 / count / (255.0 * 255.0) - mean * mean;
    assert_eq!(format!("{mean:.4} {:.4}", variance.sqrt()), "0.1307 0.3081");
}

#[test]
fn the_crate_is_smaller_than_ten_megabytes() {
    let size_bytes = size_of_folder(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(size_bytes < 10_000_000, "{size_bytes} bytes");
}

fn size_of_folder(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { size_of_folder(&path) } else { path.metadata().unwrap().len() }
    });
    sizes.sum()
}
