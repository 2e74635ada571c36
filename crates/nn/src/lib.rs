//! (being built)

pub mod init;
pub mod optim;
pub mod registry;
pub mod schedule;
