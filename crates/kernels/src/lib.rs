//! Numerical kernels: slices in, slices out.
//!
//! This is the only crate of the workspace with `unsafe` code, and it knows nothing of tensors,
//! graphs or layers. Four rooms:
//!
//! - [`isa`]: which instruction set the machine has, and [`vectorize`], which compiles a plain
//!   loop for it;
//! - [`product()`]: the one kernel behind matrix products and all three products of a convolution;
//! - [`pool`]: threads that share the work of one step without being put to sleep in between;
//! - [`random`]: numbers that depend on a key and a counter, never on who asks first.
//!
//! Beside each tuned kernel stands a naive one, and the tests hold one against the other.

mod bandwidth;
mod float;
mod gather;
pub mod isa;
pub mod math;
pub mod pool;
mod prefetch;
pub mod product;
pub mod random;
mod reduce;
mod transpose;
pub mod winograd;

pub use bandwidth::read_bandwidth;
pub use float::Float;
pub use gather::{gather_bytes, gather_values};
pub use isa::{Isa, vectorize};
pub use pool::Pool;
pub use prefetch::prefetch_all;
pub use product::product;
pub use reduce::{add_row_sums, all_below, sum, sum_of_squares};
pub use transpose::transpose;
