//! Rectified linear unit, `max(x, 0)`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "relu"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `relu`: see [`graph::ops::relu`].
    pub struct Relu {}
}

impl<T: Float> BuildLayer<T> for Relu {
    fn activation(&self) -> Activation {
        Activation { has_dead_units: true, limits: None }
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.relu(x[0]))
    }
}
