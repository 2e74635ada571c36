//! The binary as a whole: exit codes, messages, files.

mod cross_validation;
mod data;
mod elements;
mod evaluation;
mod exchange;
mod formulas;
mod hostile;
mod importance;
mod lessons;
mod mistakes;
mod own_data;
mod pages;
mod pictures;
mod predictions;
mod rare_classes;
mod regression;
mod reports;
mod resume;
mod sandbox;
mod serving;
mod static_crates;
mod training;
mod tune;
