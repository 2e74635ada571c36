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

/// A training set and a test set.
#[derive(Clone, Debug)]
pub struct Split {
    /// The training set.
    pub train: Dataset,
    /// The test set.
    pub test: Dataset,
}

impl Split {
    /// Properties of the training set that are probably mistakes.
    pub fn warnings(&self) -> Vec<String> {
        let (name, empty) = (self.train.name(), self.train.empty_classes());
        let warning = empty.first().map(|class| match empty.len() {
            1 => format!("{name}: class {class} has no sample"),
            n => format!("{name}: {n} classes have no sample, such as {class}"),
        });
        warning.into_iter().collect()
    }
}

/// Yields the digits inside the program.
pub type Digits<'a> = &'a mut dyn FnMut() -> Result<Split, ExperimentError>;

/// How a source is read.
pub trait ReadSource {
    /// The default of what features are divided by, if the source knows it before it is read.
    fn divisor(&self) -> Option<f32> {
        None
    }

    /// Reads the data.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read.
    fn read(&self, digits: Digits<'_>) -> Result<Split, ExperimentError>;
}
