//! Hard swish, `x · min(max(x + 3, 0), 6) / 6`: swish from straight lines.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = "hard_swish"
//! output = [5, 7, 2]
//! ```

use super::*;

settings! {
    /// The layer `hard_swish`: see [`graph::ops::hard_swish`].
    pub struct HardSwish {}
}

impl<T: Float> BuildLayer<T> for HardSwish {
    fn activation(&self) -> Activation {
        Activation { has_dead_units: true, limits: None }
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        Ok(builder.graph.hard_swish(x[0]))
    }
}
