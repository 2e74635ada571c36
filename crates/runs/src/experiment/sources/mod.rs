//! Sources of data, chosen by name.

pub mod idx;
pub mod matrix_exponential;
pub mod memory;
pub mod mnist;

// What the files of sources take by `use super::*`.
use nn::settings;

use data::Dataset;

use super::ExperimentError;

nn::registry! {
    /// Which data.
    pub enum DataSource: dyn ReadSource {
        mnist::MnistDigits,
        idx::Idx,
        matrix_exponential::MatrixExponential,
        memory::MemoryData,
    }
}

/// A training set and a test set, as they are read: see [`Parts`](crate::Parts).
#[derive(Clone, Debug)]
pub struct Split {
    /// The training set.
    pub train: Dataset,
    /// The test set.
    pub test: Dataset,
}

/// Yields the digits inside the program.
pub type Digits<'a> = &'a mut dyn FnMut() -> Result<Split, ExperimentError>;

/// How a source is read.
pub trait ReadSource {
    /// Whether a validation set is by custom the last training samples, instead of drawn ones.
    fn validates_on_last(&self) -> bool {
        false
    }

    /// Reads the data.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read.
    fn read(&self, digits: Digits<'_>) -> Result<Split, ExperimentError>;
}
