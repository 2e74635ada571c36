//! Difference of two values, `y = a − b`, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on.
//! Gradient: `dL/da = dL/dy`, `dL/db = −dL/dy`, summed over what the operand was broadcast to.
//! Source: the sum rule; broadcasting as in NumPy.

use crate::binary;
use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::strided_indices::broadcast_shape;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a − b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Broadcast`] if sizes neither agree nor are 1.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(SubOp, &[a, b])
    }
}

#[derive(Debug)]
struct SubOp;

impl<T: Float> Op<T> for SubOp {
    fn name(&self) -> &'static str {
        "sub"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape("sub", &operands[0], &operands[1])
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::NOTHING
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        binary::forward(
            pass,
            #[inline(always)]
            |a, b| a - b,
        );
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        if pass.operand == 0 {
            // In place there is nothing to do: the gradient of `a` is that of `y`.
            binary::backward(
                pass,
                #[inline(always)]
                |dy, _, _| dy,
            );
        } else {
            binary::backward(
                pass,
                #[inline(always)]
                |dy, _, _| -dy,
            );
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        binary::backward_scratch(operand, operands, width)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, forward_f32, gradient_f32, uniform, zip};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in
            [("N 3", "N 3"), ("N 2 3", "3"), ("N 4", ""), ("2 1 3", "4 1"), ("3", "N 2 3")]
        {
            check_op(OpCase {
                build: |g, x| g.sub(x[0], x[1]),
                reference: |x| zip(&x[0], &x[1], |a, b| a - b),
                inputs: &[uniform(a, -2.0..2.0), uniform(b, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn a_value_minus_itself_is_zero_with_gradient_zero() {
        assert_eq!(forward_f32(|g, x| g.sub(x, x).unwrap(), &[3.0, -1e30]), [0.0, 0.0]);
        assert_eq!(gradient_f32(|g, x| g.sub(x, x).unwrap(), &[3.0, -1e30]), [0.0, 0.0]);
    }

    #[test]
    fn infinity_minus_infinity_is_nan() {
        assert!(forward_f32(|g, x| g.sub(x, x).unwrap(), &[f32::INFINITY])[0].is_nan());
    }
}
