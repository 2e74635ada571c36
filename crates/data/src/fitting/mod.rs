//! Transforms of all columns of a table: what is to be done, and what was fitted to the training part.

mod cells;
mod column;
mod datasets;
mod fit;
mod fitted;
mod messages;
mod numbers;
mod plan;
mod rows;
mod target;
#[cfg(test)]
mod tests;
mod values;

pub use cells::{CellEncoder, CellFault};
pub use column::FittedColumn;
pub use fitted::FittedTransforms;
#[cfg(feature = "files")]
pub(crate) use messages::{MISSING_CELL, listed};
pub use numbers::RowBuffer;
pub use plan::TransformPlan;
#[cfg(feature = "files")]
pub(crate) use rows::MissingFeature;
pub use rows::UnseenCategory;
pub use target::FittedTarget;
pub use values::CellValue;
