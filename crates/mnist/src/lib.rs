//! The 70,000 MNIST digits, inside the binary.

#![doc = include_str!("../README.md")]

pub mod codec;

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

/// The images of both sets, the training set first.
static IMAGES: &[u8] = include_bytes!("../data/images.bin");
/// Their labels, two a byte, the first in the upper four bits.
static LABELS: &[u8] = include_bytes!("../data/labels.bin");

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
/// About 0.13 s of one core, shared by up to four threads, and the 54.95 MB of the result with an eighth more while it works.
///
/// # Errors
///
/// [`LoadError`] if the digits inside this binary are damaged: the images carry a checksum.
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
    let mut train_images = vec![0; (TRAIN_COUNT + TEST_COUNT) * PIXELS];
    codec::decode(IMAGES, &mut train_images).map_err(|reason| LoadError { reason })?;
    let test_images = train_images.split_off(TRAIN_COUNT * PIXELS);
    let labels = LABELS.iter().flat_map(|two| [two >> 4, two & 15]);
    let mut train_labels: Vec<u8> = labels.collect();
    let test_labels = train_labels.split_off(TRAIN_COUNT);
    train_images.shrink_to_fit();
    train_labels.shrink_to_fit();
    Ok(Mnist { train_images, train_labels, test_images, test_labels })
}

/// The embedded digits could not be read: the binary itself is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mnist: the images are damaged: {reason}")]
#[non_exhaustive]
pub struct LoadError {
    /// What was found.
    pub reason: &'static str,
}
