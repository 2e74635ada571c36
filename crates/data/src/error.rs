//! Why data cannot be used.

use std::error::Error;
use std::{fmt, io};

use crate::mistakes::RowMistakes;

/// Why data cannot be read, put together or drawn from.
#[derive(Debug)]
pub struct DataError {
    /// The file, the dataset or the order.
    pub name: String,
    /// What is wrong with it.
    pub fault: DataFault,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.fault)
    }
}

impl Error for DataError {
    /// The cause of the fault, which is part of the message itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.source()
    }
}

/// What is wrong with data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataFault {
    /// A file cannot be opened, read or decompressed.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// Features that take too much memory cannot be written to a temporary file.
    #[error(
        "there is no space for a temporary file of features; set the variable TMPDIR to a folder with more, or train on \
         fewer rows"
    )]
    TemporaryFile(#[source] io::Error),
    /// A file is of another format.
    #[error("expected {expected}, found {found}")]
    Format {
        /// The format its first bytes suggest.
        found: String,
        /// The expected format.
        expected: String,
    },
    /// A header announces more bytes than the limit.
    #[error("header announces {sizes:?} bytes, the limit is {limit_bytes}")]
    TooLarge {
        /// The sizes in the header: how many items, then the axes of an item.
        sizes: Vec<u32>,
        /// The most bytes that are read.
        limit_bytes: usize,
    },
    /// A file ends before everything its header announces has been read.
    #[error("ends after {found} bytes, expected {expected}")]
    Truncated {
        /// Bytes that could be read, after decompression.
        found: usize,
        /// Bytes there should be up to the end of what was being read.
        expected: usize,
    },
    /// A file is longer than so many bytes, after decompression.
    #[error("expected {0} bytes as the header says, found more")]
    Trailing(usize),
    /// A sample's shape has an axis of size 0, or more elements than can be counted.
    #[error("a sample of shape {0:?} has no usable size")]
    SampleShape(Vec<usize>),
    /// The last sample is not whole.
    #[error("{found} {what} are not a multiple of the {per_sample} of a sample")]
    Partial {
        /// Features or values.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// Numbers of a sample.
        per_sample: usize,
    },
    /// The numbers of targets and of samples differ.
    #[error("{n_samples} samples but {n_targets} targets")]
    Counts {
        /// Number of samples.
        n_samples: usize,
        /// Number of targets.
        n_targets: usize,
    },
    /// Too few classes to tell apart.
    #[error("expected two classes or more, found {0}")]
    Classes(usize),
    /// A label is not one of the classes.
    #[error("label {found} at index {index}, expected below {classes}{}", hint(*begins_at_1))]
    Label {
        /// The index of its sample.
        index: usize,
        /// The label.
        found: u32,
        /// Number of classes; labels are below it.
        classes: usize,
        /// Whether the labels seem to be counted from 1.
        begins_at_1: bool,
    },
    /// The columns of a table do not fit, or one that is named is not there.
    #[error("{0}")]
    Columns(String),
    /// Rows of a file cannot be read.
    #[error("{0}")]
    Rows(RowMistakes),
    /// A file announces more than the limit.
    #[error("{what} announces {found} bytes, the limit is {limit_bytes}")]
    Announced {
        /// The header or the member of an archive.
        what: String,
        /// The bytes it announces.
        found: u64,
        /// The most bytes that are read.
        limit_bytes: u64,
    },
    /// Batches of this size cannot be drawn from that many samples in the order that is named.
    #[error("cannot draw batches of {batch_size} from {n_samples} samples")]
    Batch {
        /// Samples in a batch.
        batch_size: usize,
        /// Samples of the dataset.
        n_samples: usize,
    },
}

impl DataFault {
    /// The error that something of this name has this fault.
    pub fn of(self, name: impl ToString) -> DataError {
        DataError { name: name.to_string(), fault: self }
    }
}

fn hint(begins_at_1: bool) -> &'static str {
    if begins_at_1 { "; labels seem to begin at 1, classes are counted from 0" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_the_source_and_not_told_twice() {
        let error = DataFault::Io(io::ErrorKind::NotFound.into()).of("digits.gz");
        assert_eq!(error.to_string(), "digits.gz: cannot be read");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("entity not found"));
        assert!(DataFault::Trailing(8).of("digits.gz").source().is_none());
    }
}
