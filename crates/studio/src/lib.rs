//! The studio: web pages that show runs during training and afterwards.
//!
//! It reads run folders, whose events another thread or process writes. A run in the same process receives commands
//! through its [`LiveRun`]; the trainer never waits for the studio.
//!
//! One thread serves everything from the binary itself. No request leaves the machine.

mod about;
mod activations;
mod api;
mod assets;
mod data_cache;
mod engine;
mod error;
mod flow;
mod guard;
mod images;
mod library;
mod live;
mod log;
mod modules;
mod peer;
mod picture;
mod report;
mod server;
mod share;
mod stream;
mod summary;
mod sweeps;
#[cfg(test)]
mod testing;
mod upload;
mod visitor;

use runs::{DataSpec, ExperimentError, Parts};
use web::lock;

pub use api::Timeouts;
pub use engine::{Call, CalledRun, Endpoint, EndpointError};
pub use error::RunError;
pub use live::{LiveLink, LiveRun, live};
pub use picture::{Picture, SampleSheet, picture, sweep_picture};
pub use report::html;
pub use server::{Options, PORT, Studio};
pub use upload::{DataTrainer, Uploads};
pub use web::{BoundAddress, ServerError};

/// Reads the data of an experiment: the embedded MNIST is not a dependency of the studio.
pub type OpenData = fn(&DataSpec) -> Result<Parts, ExperimentError>;
