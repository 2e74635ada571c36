//! Sum over axes.
//!
//! Shapes: `x [..]` → `y` without the axes. Over axis 0 of a batched value, the batch, all samples share it.
//! Gradient: `dL/dx = dL/dy`, repeated along the axes summed over.
//! Source: the sum rule.

use kernels::{inlined, vectorize};

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op, Tile};
use crate::reduction::Reduction;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the sum of `x` over `axes`, counted from 0 with the batch axis. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If `x` has no such axis.
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
        let reduction = Reduction::new("sum", self.operand("sum", x)?, axes)?;
        self.push(SumOp { reduction, is_mean: false }, &[x])
    }

    /// Adds the sum of all elements of `x`, the batch axis included.
    ///
    /// # Errors
    ///
    /// None that the shape of `x` can cause, up to six axes.
    pub fn sum_all(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        self.sum(x, &Vec::from_iter(0..self.operand("sum", x)?.rank()))
    }
}

pub(super) struct SumOp {
    pub(super) reduction: Reduction,
    pub(super) is_mean: bool,
}

impl SumOp {
    fn scale<T: Float>(&self, x: &Shape, tile: Tile) -> T {
        let count = if self.is_mean { self.reduction.count(x, tile.batch) } else { 1 };
        T::ONE / T::from_f64(count as f64)
    }
}

impl<T: Float> Op<T> for SumOp {
    fn name(&self) -> &'static str {
        if self.is_mean { "mean" } else { "sum" }
    }

    fn attributes(&self, operands: &[Shape]) -> Attributes {
        self.reduction.attributes(&operands[0])
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(self.reduction.shape(&operands[0]))
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y, shape) = (pass.x[0], pass.y, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        let scale = self.scale(shape, pass.tile);
        let (mut indices, block) = self.reduction.blocks(shape);
        let len = block * width;
        let over_batch = self.reduction.over_batch;
        let to = if over_batch { &mut pass.scratch[..y.len() * width] } else { &mut *y };
        vectorize(inlined!(|| {
            to.fill(T::ZERO);
            for x in x.chunks_exact(len.max(1)) {
                let to = &mut to[indices.advance() * len..][..len];
                to.iter_mut().zip(x).for_each(|(to, &x)| *to += x);
            }
            if !over_batch {
                to.iter_mut().for_each(|y| *y *= scale);
            }
        }));
        if over_batch {
            for (y, row) in y.iter_mut().zip(pass.scratch.chunks_exact(width)) {
                *y = scale * kernels::sum(&row[..pass.tile.valid]);
            }
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (dx, dy, shape) = (pass.dx, pass.dy, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        let scale: T = self.scale(shape, pass.tile);
        let (mut indices, block) = self.reduction.blocks(shape);
        let len = block * width;
        vectorize(inlined!(|| {
            for dx in dx.chunks_exact_mut(len.max(1)) {
                let at = indices.advance();
                if self.reduction.over_batch {
                    for (dx, &dy) in dx.chunks_exact_mut(width).zip(&dy[at * block..]) {
                        // Lanes behind the last sample stay 0.
                        let dy = scale * dy;
                        dx[..pass.tile.valid].iter_mut().for_each(|dx| *dx += dy);
                    }
                } else {
                    let dy = &dy[at * len..][..len];
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += scale * dy);
                }
            }
        }));
    }

    /// One row of sums for each element of the result, before the batch is summed over.
    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        let shape = self.reduction.shape(&operands[0]);
        if self.reduction.over_batch { shape.len() * width } else { 0 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, reduce, refusal, uniform};

    pub(crate) const CASES: [(&str, &[usize]); 12] = [
        ("N 3", &[1]),
        ("N 3", &[0]),
        ("N 3", &[0, 1]),
        ("N", &[0]),
        ("N 1", &[1]),
        ("N 2 3 4", &[0, 1, 2]),
        ("N 2 3 4", &[2]),
        ("N 2 3 5", &[0, 1, 2]),
        ("N 2 3 5", &[1, 2]),
        ("2 3", &[0]),
        ("2 3", &[1]),
        ("2 3", &[]),
    ];

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in CASES {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.sum(v[0], axes)),
                reference: |v| reduce(&v[0], axes, |group| group.iter().sum()),
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn an_axis_that_is_not_there_is_refused() {
        let error = refusal(&["N 3"], |g, x| g.sum(x[0], &[2]));
        assert_eq!(error, "sum: there is no axis 2, found [N, 3]");
    }
}
