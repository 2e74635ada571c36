//! Sum of two values, `y = a + b`, with broadcasting: a bias is added in the same way as two rows of
//! samples.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on (`[N, 28, 28, 6] + [6]`).
//! Gradient: `dL/da = dL/db = dL/dy`, summed over what the operand was broadcast to.
//! Source: the sum rule; broadcasting as in NumPy.

use kernels::inlined;

use crate::binary::BinaryOp;
use crate::graph::PlannerHint;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a + b`. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        let functions =
            (inlined!(|a: T, b| a + b), inlined!(|dy: T, _, _| dy), inlined!(|dy: T, _, _| dy));
        let op = BinaryOp::new("add", "a + b", Linearity::Linear, [Saved::NOTHING; 2], functions)
            .into_sum();
        self.push_with(PlannerHint::Sum, op, &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_binary};

    #[test]
    fn matches_reference_and_finite_differences() {
        let ranges = [-2.0..2.0, -2.0..2.0];
        check_binary(both_precisions!(|g, x| g.add(x[0], x[1])), |a, b| a + b, ranges);
    }
}
