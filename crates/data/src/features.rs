//! The numbers of samples, in memory.

use std::ops::Range;

/// The numbers of all samples, one sample after the other, each row-major in the sample's shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Bytes, as images are stored. They stay bytes until a batch is packed.
    U8(Vec<u8>),
    /// Real numbers.
    F32(Vec<f32>),
}

impl Features {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// What they take in memory.
    #[cfg(feature = "files")]
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => size_of_val(&values[..]),
        }
    }

    /// No numbers of the same type.
    #[must_use]
    pub fn empty(&self) -> Self {
        match self {
            Self::U8(_) => Self::U8(Vec::new()),
            Self::F32(_) => Self::F32(Vec::new()),
        }
    }

    /// Appends some numbers of others, which are of the same type.
    ///
    /// # Panics
    ///
    /// If they are of another type, or fewer.
    pub fn extend_from(&mut self, others: &Self, range: Range<usize>) {
        match (self, others) {
            (Self::U8(values), Self::U8(others)) => values.extend_from_slice(&others[range]),
            (Self::F32(values), Self::F32(others)) => values.extend_from_slice(&others[range]),
            _ => panic!("bytes and real numbers"),
        }
    }

    /// Drops all numbers from `len` on, and frees their memory.
    pub(crate) fn truncate(&mut self, len: usize) {
        match self {
            Self::U8(values) => shorten(values, len),
            Self::F32(values) => shorten(values, len),
        }
    }

    /// All as real numbers.
    pub fn into_reals(self) -> Vec<f32> {
        match self {
            Self::U8(values) => values.into_iter().map(f32::from).collect(),
            Self::F32(values) => values,
        }
    }

    /// A copy of some numbers.
    pub(crate) fn range(&self, range: Range<usize>) -> Self {
        match self {
            Self::U8(values) => Self::U8(values[range].to_vec()),
            Self::F32(values) => Self::F32(values[range].to_vec()),
        }
    }
}

/// Drops all values from `len` on, and frees their memory.
pub(crate) fn shorten<T>(values: &mut Vec<T>, len: usize) {
    values.truncate(len);
    values.shrink_to_fit();
}
