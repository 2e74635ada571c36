//! Training: the loop, the record of a run and the gradient check.
//!
//! The trainer sends its events to an [`Observer`].

mod batches;
pub mod gradient_check;
mod quantiles;
mod recorder;
mod trainer;
pub mod tune;

pub use events::NotFinite;
pub use recorder::{Recorder, record};
pub use trainer::{EvaluatedParts, Observer, TrainError, Trainer};
