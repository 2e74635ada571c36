//! Product of two values, element by element, `y = a · b`, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on.
//! Gradient: `dL/da = dL/dy · b`, `dL/db = dL/dy · a`, summed over what the operand was broadcast to.
//! Source: the product rule; broadcasting as in NumPy.

use kernels::inlined;

use crate::binary::BinaryOp;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a · b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        let functions = (
            inlined!(|a: T, b| a * b),
            inlined!(|dy: T, _, b| dy * b),
            inlined!(|dy: T, a, _| dy * a),
        );
        self.push(
            BinaryOp::new(
                "mul",
                "a * b",
                Linearity::Bilinear,
                [Saved::SECOND, Saved::FIRST],
                functions,
            ),
            &[a, b],
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_binary, check_unary};

    #[test]
    fn matches_reference_and_finite_differences() {
        let ranges = [-2.0..2.0, -2.0..2.0];
        check_binary(both_precisions!(|g, x| g.mul(x[0], x[1])), |a, b| a * b, ranges);
    }

    #[test]
    fn a_value_times_itself_has_both_gradients() {
        check_unary(both_precisions!(|g, x| g.mul(x[0], x[0])), |v| v * v, -2.0..2.0);
    }
}
