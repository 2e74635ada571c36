//! Training: the loop and the gradient check.
//!
//! The trainer tells an [`Observer`] what happens and never knows who listens.

mod batches;
pub mod gradient_check;
mod quantiles;
mod trainer;

pub use trainer::{NoopObserver, NotFinite, Observer, TrainError, Trainer};
