//! Numerical kernels: slices in, slices out.
//!
//! This is the only crate of the workspace with `unsafe` code, and it knows nothing of tensors,
//! graphs or layers.
//!
//! | module | content |
//! |--------|---------|
//! | [`isa`] | the instruction sets, and which of them the machine has |
//! | `simd` | vector registers, the dispatch to an instruction set, and [`vectorize`] for plain loops |
//! | [`mod@gemm`] | matrix products: [`gemm()`], [`gemm_nt`](gemm::gemm_nt) and [`gemm_interleaved`](gemm::gemm_interleaved), and the peak FLOP/s of a core |
//! | `depthwise` | [`depthwise()`] and [`depthwise_weights`]: convolutions of each channel with its own filter |
//! | [`winograd`] | the transforms of Winograd's convolution |
//! | `gather`, `transpose` | [`gather_bytes`], [`gather_values`] and [`transpose`]: into the batch-innermost layout |
//! | `bilinear` | [`frame_picture`] and [`sample_bilinear`]: pictures between their pixels |
//! | `spline` | [`interpolate_spline`]: smooth fields |
//! | `reduce` | [`sum`], [`sum_of_squares`], [`add_row_sums`], [`all_below`] |
//! | [`math`] | `exp`, `ln`, `tanh`, the normal distribution and the square root, without branches |
//! | `float` | the trait [`Float`] of `f32` and `f64` |
//! | [`random`] | counter-based random numbers |
//! | [`pool`] | the thread pool |
//! | `prefetch`, `bandwidth` | [`prefetch_all`] and [`read_bandwidth`] |
//! | `bounds` | checks of slices that are read by pointers |
//!
//! Tests compare each tuned kernel with plain loops, on every instruction set that the machine has.

mod bandwidth;
mod bilinear;
mod bounds;
mod depthwise;
mod float;
mod gather;
pub mod gemm;
pub mod isa;
pub mod math;
pub mod pool;
mod prefetch;
pub mod random;
mod reduce;
mod simd;
mod spline;
mod transpose;
pub mod winograd;

pub use bandwidth::read_bandwidth;
pub use bilinear::{frame_picture, sample_bilinear};
pub use depthwise::{DepthwiseRows, DepthwiseSize, depthwise, depthwise_weights};
pub use float::Float;
pub use gather::{GatheredSamples, gather_bytes, gather_values};
pub use gemm::gemm;
pub use isa::{Isa, IsaError};
pub use pool::Pool;
pub use prefetch::prefetch_all;
pub use reduce::{add_row_sums, all_below, sum, sum_of_squares};
pub use simd::vectorize;
pub use spline::{SplineAxis, interpolate_spline};
pub use transpose::transpose;

/// The most lanes of a vector register: 512 bits of `f32`, which are also a cache line.
pub const MAX_LANES: usize = 16;

/// Whether this crate was compiled with optimisation. Without it, training takes many times as long.
pub const fn is_optimized() -> bool {
    !matches!(env!("GRADUS_OPT_LEVEL").as_bytes(), b"0")
}

#[cfg(test)]
mod testing;
