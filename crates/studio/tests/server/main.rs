//! The server as a client sees it, byte by byte.

mod crowds;
mod made_up;
mod requests;
mod security;
