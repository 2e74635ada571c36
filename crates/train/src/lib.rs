//! Training: the loop, the record of a run, the gradient check, and explanations of what a run did.
//!
//! The trainer sends its events to an [`Observer`].

pub mod baselines;
mod batches;
pub mod cross_validation;
pub mod explanation;
pub mod gradient_check;
pub mod importance;
mod quantiles;
mod recorder;
mod trainer;
pub mod tune;

pub use events::NotFinite;
pub use recorder::{Recorder, record};
pub use trainer::{EvaluatedParts, Observer, TrainError, Trainer};
