//! Difference of two values, `y = a − b`, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on.
//! Gradient: `dL/da = dL/dy`, `dL/db = −dL/dy`, summed over what the operand was broadcast to.
//! Source: the sum rule; broadcasting as in NumPy.

use kernels::inlined;

use crate::binary::BinaryOp;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a − b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        let functions =
            (inlined!(|a: T, b| a - b), inlined!(|dy: T, _, _| dy), inlined!(|dy: T, _, _| -dy));
        self.push(
            BinaryOp::new("sub", "a - b", Linearity::Linear, [Saved::NOTHING; 2], functions),
            &[a, b],
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_binary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        let ranges = [-2.0..2.0, -2.0..2.0];
        check_binary(both_precisions!(|g, x| g.sub(x[0], x[1])), |a, b| a - b, ranges);
    }

    #[test]
    fn a_value_minus_itself_is_zero_with_gradient_zero_and_nan_for_infinity() {
        assert_eq!(forward_f32(|g, x| g.sub(x, x).unwrap(), &[3.0, -1e30]), [0.0, 0.0]);
        assert_eq!(gradient_f32(|g, x| g.sub(x, x).unwrap(), &[3.0, -1e30]), [0.0, 0.0]);
        assert!(forward_f32(|g, x| g.sub(x, x).unwrap(), &[f32::INFINITY])[0].is_nan());
    }
}
