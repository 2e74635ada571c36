//! The server as a client sees it, byte by byte.

mod crowds;
mod engine;
mod made_up;
mod requests;
mod security;
mod uploads;
