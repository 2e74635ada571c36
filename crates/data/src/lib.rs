//! Training data: datasets, the readers that fill them, synthetic datasets, and the order in which samples are
//! drawn.
//!
//! Nothing here uses threads, a clock or a random state; files are opened only by the functions behind the default feature `files`.

mod dataset;
mod error;
pub mod made;
mod order;
pub mod readers;
mod sampler;

pub use dataset::{Dataset, Features, Targets};
pub use error::{DataError, DataFault};
pub use order::Order;
pub use sampler::{Draw, Sampler};
