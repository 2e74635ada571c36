//! Endpoints: functions of the engine that pages call, from JSON to JSON. Whoever starts the studio registers them, so that
//! it depends on none of them.

mod computations;
mod limiter;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runs::{Parts, SavedModel};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use computations::{Computations, PATIENCE, answer_call};
use limiter::PLACES;
pub(crate) use limiter::{Limiter, MAX_BEGUN};

use crate::error::RunError;
use crate::library::{Library, OpenRun};

/// A function of the engine that pages call by `POST /api/engine/NAME`, with JSON of at most 64 KiB as its body.
///
/// Its answer depends on the body and on the runs that it names, and changes nothing. One that takes long asks
/// [`Call::is_over`] between its steps.
pub trait Endpoint: Debug + Send + Sync {
    /// The last part of its path.
    fn name(&self) -> &'static str;

    /// Answers a call, on a thread of its own. Several calls may run at a time.
    ///
    /// # Errors
    ///
    /// If the request is not one that a page sends. What a visitor typed is never an error: an answer says what is wrong
    /// with it.
    fn answer(&self, call: &Call<'_>) -> Result<Value, EndpointError>;

    /// How long whoever sends the same body may get the same answer.
    fn keep(&self) -> Duration {
        Duration::from_secs(600)
    }
}

/// A call of an endpoint.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    body: &'a [u8],
    library: &'a Library,
    is_over: &'a dyn Fn() -> bool,
}

/// A run that a call names.
#[derive(Debug)]
pub struct CalledRun<'a> {
    library: &'a Library,
    run: Arc<OpenRun>,
}

/// Why a call of an endpoint has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The request is not one that a page sends.
    #[error("{0}")]
    Request(String),
    /// Something that it names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The call was over before the work was done.
    #[error("stopped: it took too long")]
    OutOfTime,
}

impl<'a> Call<'a> {
    /// The body of the request.
    ///
    /// # Errors
    ///
    /// If it is not JSON of this type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, EndpointError> {
        serde_json::from_slice(self.body).map_err(|error| EndpointError::Request(error.to_string()))
    }

    /// Whether the work is to end: its time is over, or its visitor has left.
    pub fn is_over(&self) -> bool {
        (self.is_over)()
    }

    /// How many threads the work may use: a run that this process trains keeps the others.
    pub fn threads(&self) -> usize {
        let is_training = self.library.live_id().is_some();
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        if is_training { 1 } else { (all / PLACES).max(1) }
    }

    /// The run called `id` in the list of runs.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn run(&self, id: &str) -> Result<CalledRun<'a>, EndpointError> {
        let run = self.library.open(id);
        let run = run.ok_or_else(|| EndpointError::NotFound(format!("no such run: {id}")))?;
        Ok(CalledRun { library: self.library, run })
    }
}

impl Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Call").field(&String::from_utf8_lossy(self.body)).finish()
    }
}

impl CalledRun<'_> {
    /// Its directory.
    pub fn folder(&self) -> &Path {
        self.run.folder()
    }

    /// Its data.
    ///
    /// # Errors
    ///
    /// If the experiment or its data cannot be read.
    pub fn data(&self) -> Result<Arc<Parts>, EndpointError> {
        Ok(self.run.data()?)
    }

    /// The latest model, of a run in progress as it was a moment ago, or the one nearest to `step`; and its step. The
    /// pointers of two answers are equal if the models are the same.
    ///
    /// # Errors
    ///
    /// If no model is saved, or it is damaged.
    pub fn model(&self, step: Option<u64>) -> Result<(u64, Arc<SavedModel>), EndpointError> {
        let found = self.library.model(&self.run, step)?;
        Ok((found.step, found.model))
    }
}

impl From<RunError> for EndpointError {
    fn from(error: RunError) -> Self {
        Self::NotFound(diagnostics::chain(&error))
    }
}
