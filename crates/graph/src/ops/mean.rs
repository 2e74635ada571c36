//! Mean over axes.
//!
//! Shapes: `x [..]` → `y` without the axes. Over axis 0 of a batched value, the batch, all samples share it.
//! Gradient: `dL/dx = dL/dy / count`, repeated along the axes averaged over; `count` elements become one.
//! Source: the sum rule.

use super::sum::SumOp;
use crate::reduction::Reduction;
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the mean of `x` over `axes`, counted from 0 with the batch axis. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If `x` has no such axis, or no elements along the axes.
    pub fn mean(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, ShapeError> {
        let shape = self.operand("mean", x)?;
        let reduction = Reduction::new("mean", shape, axes)?;
        if reduction.count(shape, 1) == 0 {
            let rule = "there is no element to take the mean of";
            return Err(ShapeError::new("mean", rule, shape));
        }
        self.push(SumOp { reduction, is_mean: true }, &[x])
    }

    /// Adds the mean of all elements of `x`, the batch axis included.
    ///
    /// # Errors
    ///
    /// If `x` has no elements, or more than six axes.
    pub fn mean_all(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        self.mean(x, &Vec::from_iter(0..self.operand("mean", x)?.rank()))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::sum::tests::CASES;
    use crate::testing::{OpCase, both_precisions, check_op, reduce, refusal, uniform};
    use crate::{Graph, Shape};

    fn mean(group: &[f64]) -> f64 {
        group.iter().sum::<f64>() / group.len() as f64
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in CASES {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.mean(v[0], axes)),
                reference: |v| reduce(&v[0], axes, mean),
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn mean_of_all_counts_the_samples() {
        check_op(OpCase {
            build: both_precisions!(|g, v| g.mean_all(v[0])),
            reference: |v| reduce(&v[0], &[0, 1, 2], mean),
            inputs: &[uniform("N 2 3", -2.0..2.0)],
        });
    }

    #[test]
    fn an_axis_that_is_not_there_or_empty_is_refused() {
        for (axes, want) in [
            (&[3][..], "mean: there is no axis 3, found [N, 3, 0]"),
            (&[0, 2], "mean: there is no element to take the mean of, found [N, 3, 0]"),
        ] {
            assert_eq!(refusal(&["N 3 0"], |g, x| g.mean(x[0], axes)), want);
        }
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([3, 0]));
        assert!(g.mean(x, &[1]).is_ok());
    }
}
