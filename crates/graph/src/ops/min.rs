//! Smallest element along axes.
//!
//! Shapes: `x [..]` → `y` without the axes searched. The batch axis is not searched.
//! Gradient: all of `dL/dy` goes to the first element, in row-major order, that equals the smallest. A tie is a
//! kink. If an element is NaN, so is the result, and no element has a gradient.
//! Source: the gradient of the branch that was taken.

use super::max::ExtremeOp;
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the smallest element of `x` along `axes`, counted from 0 with the batch axis.
    ///
    /// # Errors
    ///
    /// If `x` has no such axis or no elements along the axes, or if one is the batch.
    pub fn min(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, ShapeError> {
        let op = ExtremeOp::<true>::new("min", self.operand("min", x)?, axes)?;
        self.push(op, &[x])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, reduce, refusal, uniform,
    };
    use crate::{Graph, NodeId};

    fn smallest(g: &mut Graph<f32>, x: NodeId) -> NodeId {
        g.min(x, &[0]).unwrap()
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in [("N 5", &[1][..]), ("N 2 3 5", &[1, 3]), ("2 3", &[0]), ("4", &[0])] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.min(v[0], axes)),
                reference: |v| reduce(&v[0], axes, |g| g.iter().copied().fold(f64::MAX, f64::min)),
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn the_first_of_several_winners_gets_the_gradient_and_nan_passes_through() {
        assert_eq!(gradient_f32(smallest, &[2.0, 1.0, 1.0, 3.0]), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(forward_f32(smallest, &[1.0, f32::NEG_INFINITY]), [f32::NEG_INFINITY]);
        assert_eq!(forward_f32(smallest, &[f32::INFINITY; 2]), [f32::INFINITY]);
        assert!(forward_f32(smallest, &[1.0, f32::NAN, 2.0])[0].is_nan());
    }

    #[test]
    fn no_elements_are_refused() {
        let want = "min: there is no element to be the smallest, found [N, 3, 0]";
        assert_eq!(refusal(&["N 3 0"], |g, x| g.min(x[0], &[2])), want);
    }
}
