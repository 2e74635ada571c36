//! Product of two values, element by element, `y = a · b`, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on.
//! Gradient: `dL/da = dL/dy · b`, `dL/db = dL/dy · a`, summed over what the operand was broadcast to: the
//! operands change places.
//! Source: the product rule; broadcasting as in NumPy.

use crate::binary::{BinaryFunction, BinaryOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a · b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Broadcast`] if sizes neither agree nor are 1.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(BinaryOp(MulOp), &[a, b])
    }
}

#[derive(Debug)]
struct MulOp;

impl BinaryFunction for MulOp {
    const NAME: &'static str = "mul";
    const SAVED: [Saved; 2] = [Saved::SECOND, Saved::FIRST];

    #[inline(always)]
    fn value<T: Float>(a: T, b: T) -> T {
        a * b
    }

    #[inline(always)]
    fn da<T: Float>(dy: T, _: T, b: T) -> T {
        dy * b
    }

    #[inline(always)]
    fn db<T: Float>(dy: T, a: T, _: T) -> T {
        dy * a
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, uniform, zip};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in
            [("N 3", "N 3"), ("N 2 3", "3"), ("N 4", ""), ("2 1 3", "4 1"), ("3", "N 2 3")]
        {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.mul(x[0], x[1])),
                reference: |x| zip(&x[0], &x[1], |a, b| a * b),
                inputs: &[uniform(a, -2.0..2.0), uniform(b, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn a_value_times_itself_has_both_gradients() {
        check_op(OpCase {
            build: both_precisions!(|g, x| g.mul(x[0], x[0])),
            reference: |x| x[0].map(|v| v * v),
            inputs: &[uniform("N 3", -2.0..2.0)],
        });
    }
}
