//! Every operation, one file each. This list is the whole registry.

pub mod add;
pub mod matmul;
pub mod mul;
pub mod relu;
pub mod sum;
