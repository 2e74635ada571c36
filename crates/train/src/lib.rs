//! Training: the loop and the gradient check.
//!
//! The trainer sends its events to an [`Observer`].

mod batches;
pub mod gradient_check;
mod quantiles;
mod trainer;

pub use events::NotFinite;
pub use trainer::{NoopObserver, Observer, TrainError, Trainer};
