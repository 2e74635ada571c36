//! A factor for each feature, which is trained and begins at 1: how much each input counts, as one number.
//!
//! ```toml
//! input = [6]
//! layer = "feature_scale"
//! output = [6]
//! parameters = { scale = [6] }
//! ```
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "feature_scale", learning_rate_factor = 6.0 }
//! output = [5, 7, 2]
//! parameters = { scale = [2] }
//! ```
//!
//! Source: Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024), "Better by default: strong pre-tuned MLPs and boosted trees
//! on tabular data", scaling layer.

use super::*;

settings! {
    /// The layer `feature_scale`: each index of the last axis times a factor of its own.
    pub struct FeatureScale {}
}

impl<T: Float> BuildLayer<T> for FeatureScale {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let channels = [builder.channels(x[0])];
        builder.scale_and_offset(x[0], &channels, true, None)
    }
}
