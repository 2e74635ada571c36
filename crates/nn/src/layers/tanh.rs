//! Hyperbolic tangent.
//!
//! ```toml
//! input = [6]
//! layer = "tanh"
//! output = [6]
//! ```

use super::*;

settings! {
    /// The layer `tanh`: see [`graph::ops::tanh`].
    pub struct Tanh {}
}

impl<T: Float> BuildLayer<T> for Tanh {
    fn activation(&self) -> Activation {
        Activation { has_dead_units: false, limits: Some([-1.0, 1.0]) }
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.tanh(x[0]))
    }
}
