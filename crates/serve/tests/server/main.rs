//! The server as a client sees it.

mod changes;
mod made_up;
mod predictions;
mod requests;
mod security;
