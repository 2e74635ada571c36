//! The studio: web pages of runs, in progress and finished.
//!
//! It reads run folders, whose events another thread or another program writes, and never knows the trainer: what
//! the page of a run shows are the lines of its log. A run in the same process can be told what to do through its
//! [`LiveRun`]; the trainer never waits for that.
//!
//! Everything is served by one thread from the binary itself. No request leaves the machine.

mod about;
mod activations;
mod api;
mod assets;
mod guard;
mod images;
mod library;
mod live;
mod log;
mod modules;
mod picture;
mod report;
mod server;
mod stream;
mod summary;

use runs::{DataSpec, ExperimentError, Split};

pub use live::{LiveLink, LiveRun, live};
pub use picture::{Picture, picture};
pub use report::{ReportError, html};
pub use server::{BoundAddress, Options, Studio, StudioError};

/// Reads the data of an experiment: the studio does not know where the embedded digits are.
pub type OpenData = fn(&DataSpec) -> Result<Split, ExperimentError>;
