//! Difference of two values, `y = a − b`, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on.
//! Gradient: `dL/da = dL/dy`, `dL/db = −dL/dy`, summed over what the operand was broadcast to.
//! Source: the sum rule; broadcasting as in NumPy.

use crate::binary::{BinaryFunction, BinaryOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a − b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Broadcast`] if sizes neither agree nor are 1.
    pub fn sub(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(BinaryOp(SubOp), &[a, b])
    }
}

#[derive(Debug)]
struct SubOp;

impl BinaryFunction for SubOp {
    const NAME: &'static str = "sub";
    const SAVED: [Saved; 2] = [Saved::NOTHING; 2];
    const IN_PLACE: bool = true;

    #[inline(always)]
    fn value<T: Float>(a: T, b: T) -> T {
        a - b
    }

    #[inline(always)]
    fn da<T: Float>(dy: T, _: T, _: T) -> T {
        // In place there is nothing to do: the gradient of `a` is that of `y`.
        dy
    }

    #[inline(always)]
    fn db<T: Float>(dy: T, _: T, _: T) -> T {
        -dy
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform, zip,
    };

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in
            [("N 3", "N 3"), ("N 2 3", "3"), ("N 4", ""), ("2 1 3", "4 1"), ("3", "N 2 3")]
        {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.sub(x[0], x[1])),
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
