//! Group normalisation: each group of channels of a sample gets mean 0 and variance 1, then each channel a scale and an
//! offset that are trained. Training and evaluation do the same, with a batch of any size.
//!
//! ```toml
//! input = [5, 7, 6]
//! layer = { kind = "group_norm", groups = 3 }
//! output = [5, 7, 6]
//! parameters = { scale = [6], offset = [6] }
//! ```
//!
//! ```toml
//! input = [6]
//! layer = { kind = "group_norm", groups = 2, scale = false, offset = false }
//! output = [6]
//! ```
//!
//! Source: Wu, He (ECCV 2018), "Group normalization".

use super::*;
use crate::registry::{positive, width};

settings! {
    /// The layer `group_norm` on the last axis: see [`graph::ops::standardize`]. One group is layer normalisation of the
    /// whole sample, as many as there are channels instance normalisation.
    pub struct GroupNorm {
        /// Groups of channels, of which there is a multiple: 1 to 2²⁰.
        groups: usize, width;
        /// Whether a factor for each channel is trained, which begins at 1.
        scale: bool = true;
        /// Whether a term for each channel is trained, which begins at 0.
        offset: bool = true;
        /// Added to the variance under the root, above 0.
        epsilon: f64 = 1e-5, positive;
    }
}

impl GroupNorm {
    /// So many groups, with a factor and a term for each channel.
    pub fn new(groups: usize) -> Self {
        Self { groups, scale: true, offset: true, epsilon: 1e-5 }
    }
}

impl<T: Float> BuildLayer<T> for GroupNorm {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x[0]).clone();
        let Some((&channels, positions)) =
            shape.dims().split_last().filter(|(channels, _)| channels.is_multiple_of(self.groups))
        else {
            let rule = format!("expected a multiple of groups = {} channels", self.groups);
            return Err(ShapeError::new("group_norm", rule, &shape));
        };
        let view = [1, positions.iter().product(), self.groups, channels / self.groups];
        let y = builder.graph.standardize(x[0], view, self.epsilon)?;
        builder.scale_and_offset(y, &[channels], self.scale, self.offset.then_some(0.0))
    }
}
