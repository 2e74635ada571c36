//! Static computation graphs.
//!
//! A [`Graph`] is built once, with every shape checked, and compiled once into a [`Program`] for a batch size;
//! then it runs without allocating and without failing. Training, inference, the gradient check and
//! explanations all read the same structure.
//!
//! ```
//! use gradus_graph::{Compile, Graph, Program, RunArgs};
//!
//! // (apple · count) · tax
//! let mut g = Graph::<f64>::new();
//! let [apple, count, tax] = ["apple", "count", "tax"].map(|name| g.parameter(name, []));
//! let pay = g.mul(apple, count)?;
//! let total = g.mul(pay, tax)?;
//!
//! let mut program = Program::new(g, &Compile { loss: Some(total), ..Compile::default() })?;
//! program.run(&RunArgs { parameters: &[10.0, 2.0, 1.1], ..RunArgs::default() });
//! assert_eq!(program.scalar(total), 22.0);
//! assert_eq!(program.gradients(), [2.2, 11.0, 20.0]);
//! # Ok::<(), gradus_graph::CompileError>(())
//! ```
//!
//! # Batch-innermost layout
//!
//! A shape may begin with the batch axis `N`. Such a value is stored in **tiles** of samples, feature-major:
//! element `f` of sample `s` is at `f · width + s`, so that the row of one feature holds all samples of the
//! tile. Every loop over a row is vector code, and one gemm kernel serves layers and convolutions. Only an
//! [`Op`](op::Op) meets tiles; values are passed in and out as row-major [`Tensor`]s.

mod binary;
mod convolution;
pub mod elements;
mod elementwise;
pub mod gradient_check;
mod graph;
pub mod numeric;
pub mod op;
pub mod ops;
mod process_group;
mod program;
mod reduction;
mod rows;
mod shape;
mod strided_indices;
mod tensor;
pub mod testing;
mod window;
mod winograd;

pub use graph::{Graph, Leaf, Node, NodeId};
pub use kernels::{Float, Pool};
pub use process_group::ProcessGroup;
pub use program::{
    BOUND, Compile, CompileError, Direction, InputSource, MAX_SHARDS, MemoryLimit, PackedWeights,
    ParameterPiece, Program, RunArgs, Tensors, Times,
};
pub use shape::{Shape, ShapeError};
pub use strided_indices::transposed_elements;
pub use tensor::Tensor;
pub use window::Padding;
