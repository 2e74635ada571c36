//! Why data cannot be used.

use std::{fmt, io};

use crate::Order;

/// Why data cannot be read, put together or drawn from. Each variant says where, what was found and
/// what was expected; `name` is that of the file or of the dataset.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// A file cannot be opened or read.
    Io {
        /// The file.
        name: String,
        /// What the system or the decompressor says.
        error: io::Error,
    },
    /// A file is of another format: it starts with other bytes.
    Magic {
        /// The file.
        name: String,
        /// Its first four bytes, as a big-endian number.
        found: u32,
        /// Those of the expected format.
        expected: u32,
    },
    /// A header announces more bytes than are ever read.
    TooLarge {
        /// The file.
        name: String,
        /// The sizes in the header: how many items, then the axes of an item.
        sizes: Vec<u32>,
        /// The most bytes that are read.
        limit_bytes: usize,
    },
    /// A file ends before everything its header announces has been read.
    Truncated {
        /// The file.
        name: String,
        /// Bytes that could be read, after decompression.
        found: usize,
        /// Bytes there should be up to the end of what was being read.
        expected: usize,
    },
    /// A file goes on after everything its header announces.
    Trailing {
        /// The file.
        name: String,
        /// Bytes there should be, after decompression.
        expected: usize,
    },
    /// A sample's shape has an axis of size 0, or more elements than can be counted.
    SampleShape {
        /// The dataset.
        name: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// There are numbers left over after the last whole sample.
    Partial {
        /// The dataset.
        name: String,
        /// Which numbers.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many a sample has.
        per_sample: usize,
    },
    /// There are not as many targets as samples.
    Counts {
        /// The dataset.
        name: String,
        /// How many samples there are.
        n_samples: usize,
        /// How many targets.
        n_targets: usize,
    },
    /// A label is not one of the classes.
    Label {
        /// The dataset.
        name: String,
        /// Of which sample.
        index: usize,
        /// The label.
        found: u32,
        /// Number of classes; labels are below it.
        classes: usize,
    },
    /// Batches of this size cannot be drawn from that many samples in this order.
    Batch {
        /// The order.
        order: Order,
        /// Samples in a batch.
        batch_size: usize,
        /// Samples there are.
        n_samples: usize,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { name, error } => write!(f, "{name}: {error}"),
            Self::Magic { name, found, expected } => {
                write!(f, "{name}: starts with {found:#010x}, expected {expected:#010x}")
            }
            Self::TooLarge { name, sizes, limit_bytes } => {
                write!(f, "{name}: header announces {sizes:?} bytes, the limit is {limit_bytes}")
            }
            Self::Truncated { name, found, expected } => {
                write!(f, "{name}: ends after {found} bytes, expected {expected}")
            }
            Self::Trailing { name, expected } => {
                write!(f, "{name}: goes on after the {expected} bytes its header announces")
            }
            Self::SampleShape { name, shape } => {
                write!(f, "{name}: a sample of shape {shape:?} has no usable size")
            }
            Self::Partial { name, what, found, per_sample } => {
                write!(f, "{name}: {found} {what} are no whole number of samples of {per_sample}")
            }
            Self::Counts { name, n_samples, n_targets } => {
                write!(f, "{name}: {n_samples} samples but {n_targets} targets")
            }
            Self::Label { name, index, found, classes } => {
                write!(f, "{name}: label {found} at index {index}, expected below {classes}")
            }
            Self::Batch { order, batch_size, n_samples } => {
                write!(f, "{order}: no batches of {batch_size} from {n_samples} samples")
            }
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
