//! Training: the loop and the gradient check.
//!
//! The trainer tells an [`Observer`] what happens and never knows who listens.

mod batches;
pub mod check;
mod spread;
mod trainer;

pub use trainer::{NotFinite, Observer, Silent, TrainError, Trainer};
