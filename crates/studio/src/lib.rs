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
mod connections;
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

use std::sync::{Mutex, MutexGuard, PoisonError};

use runs::{DataSpec, ExperimentError, Parts};

pub use api::Timeouts;
pub use engine::{Call, CalledRun, Endpoint, EndpointError};
pub use error::RunError;
pub use live::{LiveLink, LiveRun, live};
pub use picture::{Picture, SampleSheet, picture, sweep_picture};
pub use report::html;
pub use server::{BoundAddress, Options, Studio, StudioError};
pub use upload::{DataTrainer, Uploads};

/// Reads the data of an experiment: the embedded MNIST is not a dependency of the studio.
pub type OpenData = fn(&DataSpec) -> Result<Parts, ExperimentError>;

/// Locks a value that stays valid even if a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
