//! Explanations: formulas with every value and gradient, their graphs as drawings, descent along their gradients, and
//! every number of a network.
//!
//! Nothing here reads a file or a clock or starts a thread. What comes from outside is bounded before anything is computed
//! with it, so that a page may pass on what its visitors write.
//!
//! The feature `drawing` adds pictures.

pub mod descent;
pub mod element;
pub mod formula;
mod number;

#[cfg(feature = "drawing")]
pub use formula::drawing;
pub use number::{FormulaValue, six_digits};
