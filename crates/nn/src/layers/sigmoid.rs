//! Logistic sigmoid, `1 / (1 + e⁻ˣ)`.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "sigmoid"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `sigmoid`: see [`graph::ops::sigmoid`].
    pub struct Sigmoid {}
}

impl<T: Float> BuildLayer<T> for Sigmoid {
    fn activation(&self) -> Activation {
        Activation { has_dead_units: false, limits: Some([0.0, 1.0]) }
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.sigmoid(x[0]))
    }
}
