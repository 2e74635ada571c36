//! Sum over axes.
//!
//! Shapes: `x [..]` → `y` without the axes summed over. Axis 0 of a batched value is the batch: summed
//! over, the result is shared by all samples.
//! Gradient: `dL/dx = dL/dy`, repeated along the axes summed over.
//! Source: the sum rule.

use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::reduction::Reduction;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the sum of `x` over `axes`, counted from 0 with the batch axis. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Rule`] if `x` has no such axis.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([28, 3]));
    /// let per_sample = g.sum(x, &[1, 2])?;
    /// assert_eq!(g.shape(per_sample), &Shape::batch([]));
    /// let per_channel = g.sum(x, &[0, 1])?;
    /// assert_eq!(g.shape(per_channel), &Shape::from([3]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn sum(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, ShapeError> {
        let reduction = Reduction::new("sum", self.shape(x), axes)?;
        self.push(SumOp(reduction), &[x])
    }

    /// Adds the sum of all elements of `x`, the batch axis included.
    ///
    /// # Errors
    ///
    /// None that the shape of `x` can cause, up to six axes.
    pub fn sum_all(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        let axes: Vec<usize> = (0..self.shape(x).rank()).collect();
        self.sum(x, &axes)
    }
}

#[derive(Debug)]
struct SumOp(Reduction);

impl<T: Float> Op<T> for SumOp {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.shape(&operands[0]))
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::NOTHING
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        self.0.sum(pass, T::ONE);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        self.0.broadcast_grad(pass, T::ONE);
    }

    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        self.0.scratch(&operands[0], width)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, reduce, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in [
            ("N 3", &[1][..]),
            ("N 3", &[0]),
            ("N 3", &[0, 1]),
            ("N", &[0]),
            ("N 2 3 4", &[0, 1, 2]),
            ("N 2 3 4", &[2]),
            ("2 3", &[0]),
            ("2 3", &[1]),
            ("2 3", &[]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.sum(v[0], axes)),
                reference: |v| reduce(&v[0], axes, |group| group.iter().sum()),
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        let mut g = crate::Graph::<f32>::new();
        let x = g.input("x", crate::Shape::batch([3]));
        let error = g.sum(x, &[2]).unwrap_err();
        assert_eq!(error.to_string(), "sum: there is no axis 2, found [N, 3]");
    }
}
