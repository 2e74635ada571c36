//! Every file format that can be read, one file each. This list is the whole registry.

pub mod csv;
pub mod idx;
pub mod npy;
pub mod npz;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod pictures;
