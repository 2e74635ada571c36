//! Sum of the outputs of several layers: a residual connection.
//!
//! ```toml
//! input = [5, 7, 2]
//! layer = { kind = "add", from = ["input"] }
//! output = [5, 7, 2]
//! ```
//!
//! Source: He, Zhang, Ren, Sun (CVPR 2016), "Deep residual learning for image recognition", equation 1.

use super::*;

settings! {
    /// The layer `add`: the output of the layer before plus those of the layers in `from`, all of one shape.
    pub struct Add {}
}

impl<T: Float> BuildLayer<T> for Add {
    fn merges(&self) -> bool {
        true
    }

    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let (&first, others) = x.split_first().expect("a layer has an input");
        others.iter().try_fold(first, |sum, &other| {
            let shapes = [sum, other].map(|x| builder.graph.shape(x).clone());
            if shapes[0] != shapes[1] {
                let rule = format!("expected an output of the shape {}", shapes[0]);
                return Err(ShapeError::new("add", rule, &shapes[1]));
            }
            builder.graph.add(sum, other)
        })
    }
}
