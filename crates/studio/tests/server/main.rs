//! The server from outside, byte by byte, as a stranger would speak to it.

mod crowds;
mod made_up;
mod requests;
mod security;
