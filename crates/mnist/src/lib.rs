//! The 70,000 MNIST digits, inside the binary.

#![doc = include_str!("../README.md")]

use std::fmt;

use zstd::zstd_safe::{self, DCtx};

/// Rows of pixels in an image.
pub const ROWS: usize = 28;
/// Columns of pixels in an image.
pub const COLUMNS: usize = 28;
/// Pixels, and so bytes, of an image.
pub const PIXELS: usize = ROWS * COLUMNS;
/// Classes: the digits 0 to 9.
pub const CLASSES: usize = 10;
/// Digits in the training set.
pub const TRAIN_COUNT: usize = 60_000;
/// Digits in the test set.
pub const TEST_COUNT: usize = 10_000;

static TRAIN_IMAGES: &[u8] = include_bytes!("../data/train-images.zst");
static TRAIN_LABELS: &[u8] = include_bytes!("../data/train-labels.zst");
static TEST_IMAGES: &[u8] = include_bytes!("../data/t10k-images.zst");
static TEST_LABELS: &[u8] = include_bytes!("../data/t10k-labels.zst");

/// Both sets, decompressed, in the order of the original files.
///
/// An image is [`PIXELS`] bytes, row by row from the top, 0 for paper and 255 for ink; image `i` is
/// `images[i * PIXELS..][..PIXELS]` and its label is `labels[i]`, below [`CLASSES`].
#[derive(Clone)]
pub struct Mnist {
    /// The [`TRAIN_COUNT`] training images.
    pub train_images: Vec<u8>,
    /// The digit each training image shows.
    pub train_labels: Vec<u8>,
    /// The [`TEST_COUNT`] test images.
    pub test_images: Vec<u8>,
    /// The digit each test image shows.
    pub test_labels: Vec<u8>,
}

/// Decompresses the digits.
///
/// # Cost
///
/// About 0.08 s on one core, and the 54.95 MB of the result: each part is decompressed straight
/// into its own buffer.
///
/// # Errors
///
/// [`LoadError`] if the digits inside this binary are damaged. Each part carries a checksum, so what
/// is returned is what was embedded.
///
/// # Examples
///
/// ```
/// # use gradus_mnist as mnist;
/// let digits = mnist::load()?;
/// assert_eq!(digits.train_labels[..5], [5, 0, 4, 1, 9]);
///
/// let first = &digits.test_images[..mnist::PIXELS];
/// let inked = first.iter().filter(|&&pixel| pixel > 0).count();
/// assert_eq!((digits.test_labels[0], inked), (7, 116));
/// # Ok::<(), mnist::LoadError>(())
/// ```
pub fn load() -> Result<Mnist, LoadError> {
    let train_images = decode("training images", TRAIN_IMAGES, &[], TRAIN_COUNT * PIXELS)?;
    let test_images = decode("test images", TEST_IMAGES, &train_images, TEST_COUNT * PIXELS)?;
    Ok(Mnist {
        train_images,
        train_labels: decode("training labels", TRAIN_LABELS, &[], TRAIN_COUNT)?,
        test_images,
        test_labels: decode("test labels", TEST_LABELS, &[], TEST_COUNT)?,
    })
}

/// Decompresses the one frame of `part`, of exactly `len` bytes, compressed against `prefix`.
fn decode(
    part: &'static str,
    frame: &[u8],
    prefix: &[u8],
    len: usize,
) -> Result<Vec<u8>, LoadError> {
    let damaged = |code| LoadError::Damaged { part, reason: zstd_safe::get_error_name(code) };
    let mut bytes = Vec::with_capacity(len);
    let mut context = DCtx::create();
    context.ref_prefix(prefix).map_err(damaged)?;
    context.decompress(&mut bytes, frame).map_err(damaged)?;
    if bytes.len() != len {
        return Err(LoadError::Length { part, found: bytes.len(), expected: len });
    }
    Ok(bytes)
}

/// Why the embedded digits could not be read: the binary itself is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// A part does not decompress, or its checksum is wrong.
    Damaged {
        /// Which of the four parts.
        part: &'static str,
        /// What the decompressor says.
        reason: &'static str,
    },
    /// A part decompresses to the wrong number of bytes.
    Length {
        /// Which of the four parts.
        part: &'static str,
        /// Bytes it holds.
        found: usize,
        /// Bytes it should hold.
        expected: usize,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { part, reason } => write!(f, "mnist: {part} are damaged: {reason}"),
            Self::Length { part, found, expected } => {
                write!(f, "mnist: {part} are {found} bytes, expected {expected}")
            }
        }
    }
}

impl std::error::Error for LoadError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flipped_byte_changes_a_digit_unnoticed() {
        let labels = decode("test labels", TEST_LABELS, &[], TEST_COUNT).unwrap();
        let mut frame = TEST_LABELS.to_vec();
        for i in 0..frame.len() {
            frame[i] ^= 0x55;
            let decoded = decode("test labels", &frame, &[], TEST_COUNT);
            assert!(decoded.is_err() || decoded == Ok(labels.clone()), "byte {i}");
            frame[i] ^= 0x55;
        }
    }

    #[test]
    fn a_frame_of_another_length_is_an_error_with_both_lengths() {
        let error = decode("training labels", TEST_LABELS, &[], TRAIN_COUNT).unwrap_err();
        assert_eq!(error.to_string(), "mnist: training labels are 10000 bytes, expected 60000");
    }

    #[test]
    fn a_truncated_frame_is_an_error() {
        let half = &TEST_LABELS[..TEST_LABELS.len() / 2];
        let error = decode("test labels", half, &[], TEST_COUNT).unwrap_err();
        assert!(matches!(error, LoadError::Damaged { part: "test labels", .. }), "{error}");
    }
}
