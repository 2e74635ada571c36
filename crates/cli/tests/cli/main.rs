//! The binary as people and scripts use it: exit codes, messages, files.

mod hostile;
mod mistakes;
mod pages;
mod regression;
mod reports;
mod sandbox;
mod training;
