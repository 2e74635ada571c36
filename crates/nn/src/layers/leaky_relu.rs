//! Leaky rectified linear unit: a small slope instead of 0 on the negative side.
//!
//! ```toml
//! input = [6]
//! layer = { kind = "leaky_relu", slope = 0.1 }
//! output = [6]
//! ```

use super::*;
use crate::registry::not_negative;

settings! {
    /// The layer `leaky_relu`: see [`graph::ops::leaky_relu`].
    pub struct LeakyRelu {
        /// Slope on the negative side, 0 or more.
        slope: f64 = 0.01, not_negative;
    }
}

impl<T: Float> BuildLayer<T> for LeakyRelu {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        builder.graph.leaky_relu(x[0], self.slope)
    }
}
