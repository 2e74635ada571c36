//! What a network learns from: datasets, the readers that fill them, those that are made up, and the
//! order in which samples are drawn.
//!
//! Nothing here touches a thread, a clock or a random state of its own; files are opened only by the
//! readers' functions behind the default feature `files`.

mod dataset;
mod error;
pub mod made;
mod order;
pub mod readers;

pub use dataset::{Dataset, Features, Targets};
pub use error::DataError;
pub use order::{Draw, Order, Sampler};
