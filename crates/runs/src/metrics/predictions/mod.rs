//! The predictions for all samples of a part, beside their targets: what metrics that are not means over samples are
//! computed from.

mod classes;
mod probabilities;
mod ranking;
mod values;

pub use classes::{ClassCounts, ClassPredictions};
pub use probabilities::ClassProbabilities;
pub use ranking::Ranking;
pub use values::ValuePredictions;
