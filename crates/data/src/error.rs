//! Why data cannot be used.

use std::io;

use crate::Order;

/// Why data cannot be read, put together or drawn from. `name` is that of the file or of the dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file cannot be opened or read.
    #[error("{name}")]
    Io {
        /// The file.
        name: String,
        /// The error of the system or the decompressor.
        #[source]
        error: io::Error,
    },
    /// A file is of another format.
    #[error("{name}: expected {expected}, found {found}")]
    Format {
        /// The file.
        name: String,
        /// The format its first bytes suggest.
        found: String,
        /// The expected format.
        expected: String,
    },
    /// A header announces more bytes than the limit.
    #[error("{name}: header announces {sizes:?} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// The file.
        name: String,
        /// The sizes in the header: how many items, then the axes of an item.
        sizes: Vec<u32>,
        /// The most bytes that are read.
        limit_bytes: usize,
    },
    /// A file ends before everything its header announces has been read.
    #[error("{name}: ends after {found} bytes, expected {expected}")]
    Truncated {
        /// The file.
        name: String,
        /// Bytes that could be read, after decompression.
        found: usize,
        /// Bytes there should be up to the end of what was being read.
        expected: usize,
    },
    /// A file is longer than its header says.
    #[error("{name}: expected {expected} bytes as the header says, found more")]
    Trailing {
        /// The file.
        name: String,
        /// Bytes there should be, after decompression.
        expected: usize,
    },
    /// A sample's shape has an axis of size 0, or more elements than can be counted.
    #[error("{name}: a sample of shape {shape:?} has no usable size")]
    SampleShape {
        /// The dataset.
        name: String,
        /// The shape.
        shape: Vec<usize>,
    },
    /// The last sample is not whole.
    #[error("{name}: {found} {what} are not a multiple of the {per_sample} of a sample")]
    Partial {
        /// The dataset.
        name: String,
        /// Features or values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Numbers of a sample.
        per_sample: usize,
    },
    /// The numbers of targets and of samples differ.
    #[error("{name}: {n_samples} samples but {n_targets} targets")]
    Counts {
        /// The dataset.
        name: String,
        /// Number of samples.
        n_samples: usize,
        /// Number of targets.
        n_targets: usize,
    },
    /// A label is not one of the classes.
    #[error("{name}: label {found} at index {index}, expected below {classes}{}", hint(*begins_at_1))]
    Label {
        /// The dataset.
        name: String,
        /// The index of its sample.
        index: usize,
        /// The label.
        found: u32,
        /// Number of classes; labels are below it.
        classes: usize,
        /// Whether the labels seem to be counted from 1.
        begins_at_1: bool,
    },
    /// Batches of this size cannot be drawn from that many samples in this order.
    #[error("{order}: cannot draw batches of {batch_size} from {n_samples} samples")]
    Batch {
        /// The order.
        order: Order,
        /// Samples in a batch.
        batch_size: usize,
        /// Samples of the dataset.
        n_samples: usize,
    },
}

fn hint(begins_at_1: bool) -> &'static str {
    if begins_at_1 { "; labels seem to begin at 1, classes are counted from 0" } else { "" }
}
