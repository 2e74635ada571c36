//! Whole networks, from their description to their gradients.

mod common;
mod golden;
mod gradients;
mod structure;
