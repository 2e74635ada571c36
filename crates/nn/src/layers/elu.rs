//! Exponential linear unit: `x` above 0, else `alpha · (eˣ − 1)`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "elu"
//! output = [5, 7, 2]
//! ```

use super::*;
use crate::registry::not_negative;

settings! {
    /// The layer `elu`: see [`graph::ops::elu`].
    pub struct Elu {
        /// Minus the limit on the left, at least 0.
        alpha: f64 = 1.0, not_negative;
    }
}

impl<T: Float> BuildLayer<T> for Elu {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        builder.graph.elu(x[0], self.alpha)
    }
}
