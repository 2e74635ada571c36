//! Predictions of saved models over HTTP: rows as JSON or CSV, and pictures.
//!
//! One thread reads requests and writes answers; others run the models. Requests that arrive while these are busy wait, and
//! those of one model are then predicted together, as one batch. What is predicted for a row does not depend on the others.

mod access;
mod answer;
mod batches;
mod error;
mod input;
mod limits;
mod metrics;
mod model;
mod models;
mod openapi;
mod page;
mod routes;
mod server;

pub use access::Token;
pub use limits::ServeLimits;
pub use models::{ModelPath, ReadModel};
pub use server::{PORT, PredictionServer, ServeError, ServeOptions};
pub use web::{BoundAddress, ServerError};
