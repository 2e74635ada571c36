//! Layer normalisation: the features of each sample get mean 0 and variance 1, then a scale and an offset that are
//! trained. Training and evaluation do the same, with a batch of any size.
//!
//! ```toml
//! input = [6]
//! layer = "layer_norm"
//! output = [6]
//! parameters = { scale = [6], offset = [6] }
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "layer_norm", axes = 3, offset = false }
//! output = [5, 7, 2]
//! parameters = { scale = [5, 7, 2] }
//! ```
//!
//! Source: Ba, Kiros, Hinton (2016), "Layer normalization".

use super::*;
use crate::registry::{one_or_more, positive};

settings! {
    /// The layer `layer_norm`: see [`graph::ops::standardize`].
    pub struct LayerNorm {
        /// How many axes a mean is taken over, from the last: 1 for each position by itself, all for the whole sample.
        axes: usize = 1, one_or_more;
        /// Whether a factor for each feature is trained, which begins at 1.
        scale: bool = true;
        /// Whether a term for each feature is trained, which begins at 0.
        offset: bool = true;
        /// Added to the variance under the root, above 0.
        epsilon: f64 = 1e-5, positive;
    }
}

impl<T: Float> BuildLayer<T> for LayerNorm {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x[0]).clone();
        let Some(kept) = shape.dims().len().checked_sub(self.axes) else {
            let rule = format!("expected at least axes = {} beside that of the batch", self.axes);
            return Err(ShapeError::new("layer_norm", rule, &shape));
        };
        let (positions, features) = shape.dims().split_at(kept);
        let [positions, size] = [positions, features].map(|sizes| sizes.iter().product());
        let y = builder.graph.standardize(x[0], [positions, 1, 1, size], self.epsilon)?;
        builder.scale_and_offset(y, features, self.scale, self.offset.then_some(0.0))
    }
}
