//! Training data: tables of columns and the readers that fill them, their transforms to features, datasets,
//! synthetic datasets, and the order in which samples are drawn.
//!
//! Nothing here uses threads, a clock or a random state; files are opened only by the functions behind the default feature `files`.

pub mod columns;
mod dataset;
mod error;
mod features;
mod fitting;
#[cfg(test)]
mod hostile;
mod input;
pub mod made;
mod mistakes;
#[cfg(feature = "files")]
mod open;
mod order;
mod pixels;
pub mod readers;
mod report;
mod sampler;
#[cfg(feature = "files")]
mod samples;
mod statistics;
mod storage;
#[cfg(feature = "files")]
mod test_table;
pub mod transforms;
mod zip;

pub use dataset::{Dataset, Targets};
pub use error::{DataError, DataFault};
pub use features::Features;
pub use fitting::{
    CellEncoder, CellFault, CellValue, FittedColumn, FittedTarget, FittedTransforms, RowBuffer,
    TransformPlan, UnseenCategory,
};
pub use mistakes::{CellMistake, RowMistakes};
#[cfg(feature = "files")]
pub use open::open;
pub use order::Order;
pub use report::{
    ColumnDistribution, ColumnRange, DistributionCounts, TableDistributions, TableReport,
};
pub use sampler::{Draw, Sampler};
#[cfg(feature = "files")]
pub use samples::{SampleBlock, SampleSource};
pub use storage::{FeatureStorage, FeatureWriter, StoredFeatures};
#[cfg(feature = "files")]
pub use test_table::{TestTable, open_test};
