//! Sources of data, chosen by name.

pub mod fashion_mnist;
pub mod files;
pub mod formula;
pub mod idx;
pub mod made;
pub mod matrix_exponential;
pub mod memory;
pub mod mnist;
pub mod none;

// What the files of sources take by `use super::*`.
use std::path::PathBuf;

use nn::settings;

use data::columns::TableSource;
use data::{Dataset, TestTable};

use super::ExperimentError;

nn::registry! {
    /// Which data.
    pub enum DataSource: dyn ReadSource {
        mnist::MnistDigits,
        files::DataFiles,
        idx::Idx,
        fashion_mnist::FashionMnist,
        made::MadeTable,
        formula::FormulaTable,
        matrix_exponential::MatrixExponential,
        memory::MemoryData,
        none::NoData,
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

/// A training table and, if there is one, a test table of the same columns, before anything of them is used.
pub struct TableSplit {
    /// The training table.
    pub train: Box<dyn TableSource>,
    /// The test table; without it rows of the training table are drawn.
    pub test: Option<TestTable>,
}

/// What a source has.
pub enum SourceData {
    /// Two sets of samples.
    Sets(Split),
    /// Tables of columns.
    Tables(TableSplit),
}

impl From<Split> for SourceData {
    fn from(split: Split) -> Self {
        Self::Sets(split)
    }
}

/// Yields the digits inside the program.
pub type Digits<'a> = &'a mut dyn FnMut() -> Result<Split, ExperimentError>;

/// How a source is read.
pub trait ReadSource {
    /// Whether a validation set is by custom the last training samples, instead of drawn ones.
    fn validates_on_last(&self) -> bool {
        false
    }

    /// The names of the classes in order, unless `data.class_names` has others.
    fn class_names(&self) -> &'static [&'static str] {
        &[]
    }

    /// The files and folders that are read.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Reads the data.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read.
    fn read(&self, digits: Digits<'_>) -> Result<SourceData, ExperimentError>;
}
