//! Every dataset that is computed instead of read, one file each. This list is the whole registry.

pub mod matrix_exponential;
