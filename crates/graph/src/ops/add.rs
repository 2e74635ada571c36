//! Sum of two values, `y = a + b`, with broadcasting: a bias is added in the same way as two rows of
//! samples.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on (`[N, 28, 28, 6] + [6]`).
//! Gradient: `dL/da = dL/db = dL/dy`, summed over what the operand was broadcast to.
//! Source: the sum rule; broadcasting as in NumPy.

use kernels::{add_row_sums, inlined};

use crate::binary;
use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::strided_indices::broadcast_shape;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a + b`. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Broadcast`] if sizes neither agree nor are 1.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(AddOp, &[a, b])
    }
}

#[derive(Debug)]
pub(crate) struct AddOp;

impl<T: Float> Op<T> for AddOp {
    fn name(&self) -> &'static str {
        "add"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape("add", &operands[0], &operands[1])
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::NOTHING
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        binary::forward(pass, inlined!(|a, b| a + b));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let width = pass.tile.width;
        let is_bias = pass.operand == 1 && pass.y_shape.is_batched() && is_bias(pass.shapes);
        if is_bias && pass.y_shape.rank() == 2 {
            // One position: its rows are those to be summed. The columns after the last sample have a
            // gradient of 0.
            add_row_sums(pass.dy, width, pass.dx);
            return;
        }
        // In place there is nothing to do: the gradient of `a` is that of `y`.
        binary::backward(pass, inlined!(|dy, _, _| dy));
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        binary::backward_scratch(operand, operands, width)
    }
}

/// Whether the second operand is a bias: without batch axis, one value for each index of the last axis.
pub(crate) fn is_bias(operands: &[Shape]) -> bool {
    let [a, b] = operands else { return false };
    !b.is_batched() && b.rank() == 1 && a.dims().last() == b.dims().first()
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
                build: both_precisions!(|g, x| g.add(x[0], x[1])),
                reference: |x| zip(&x[0], &x[1], |a, b| a + b),
                inputs: &[uniform(a, -2.0..2.0), uniform(b, -2.0..2.0)],
            });
        }
    }
}
