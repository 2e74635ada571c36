//! A range of indices along an axis.
//!
//! Shapes: `x [.., n, ..]` → `y [.., range.len(), ..]`. The batch axis is not cut.
//! Gradient: `dL/dx = dL/dy` in the range, else 0.
//! Source: an index moves nothing else.

use std::ops::Range;

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op};
use crate::rows::add;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the part of `x` at the indices `range` of `axis`, which counts from 0 with the batch axis.
    ///
    /// # Errors
    ///
    /// If `x` has no such axis, the axis is the batch, or the range leaves it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([28, 28, 1]));
    /// let upper_half = g.slice(x, 1, 0..14)?;
    /// assert_eq!(g.shape(upper_half), &Shape::batch([14, 28, 1]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn slice(
        &mut self,
        x: NodeId,
        axis: usize,
        range: Range<usize>,
    ) -> Result<NodeId, ShapeError> {
        self.push(SliceOp { axis, range }, &[x])
    }
}

struct SliceOp {
    axis: usize,
    range: Range<usize>,
}

impl SliceOp {
    /// For the axes from this one on: the length of a block of `x`, and where that of the result lies in it.
    fn block(&self, x: &Shape, width: usize) -> (usize, Range<usize>) {
        let dims = &x.dims()[self.axis - usize::from(x.is_batched())..];
        let step = dims[1..].iter().product::<usize>() * width;
        (dims[0] * step, self.range.start * step..self.range.end * step)
    }
}

impl<T: Float> Op<T> for SliceOp {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        let Range { start, end } = self.range;
        Attributes::default().with_sizes("axis", [self.axis]).with_sizes("range", [start, end])
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let (x, Range { start, end }) = (&operands[0], self.range.clone());
        let refuse = |rule: String| Err(ShapeError::new("slice", rule, x));
        if self.axis >= x.rank() {
            return refuse(format!("there is no axis {}", self.axis));
        }
        let Some(axis) = self.axis.checked_sub(usize::from(x.is_batched())) else {
            return refuse("axis 0 is the batch, which is not cut".into());
        };
        let mut dims = x.dims().to_vec();
        if start > end || end > dims[axis] {
            return refuse(format!("expected a range in 0..{}, got {start}..{end}", dims[axis]));
        }
        dims[axis] = end - start;
        Ok(x.with_dims(dims))
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (len, range) = self.block(&pass.shapes[0], pass.tile.row_len(pass.y_shape));
        let blocks = pass.y.chunks_exact_mut(range.len().max(1));
        for (y, x) in blocks.zip(pass.x[0].chunks_exact(len.max(1))) {
            y.copy_from_slice(&x[range.clone()]);
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (len, range) = self.block(&pass.shapes[0], pass.tile.row_len(pass.y_shape));
        let blocks = pass.dx.chunks_exact_mut(len.max(1));
        for (dx, dy) in blocks.zip(pass.dy.chunks_exact(range.len().max(1))) {
            add(&mut dx[range.clone()], dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, indices, refusal, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (shape, axis, range) in [
            ("N 5", 1, 0..5),
            ("N 5", 1, 2..3),
            ("N 4 3 2", 1, 1..3),
            ("N 4 3 2", 2, 0..1),
            ("N 4 3 2", 3, 1..2),
            ("5", 0, 1..4),
            ("2 3", 1, 1..3),
        ] {
            let (start, end) = (range.start, range.end);
            check_op(OpCase {
                build: both_precisions!(|g, x| g.slice(x[0], axis, start..end)),
                reference: |x| {
                    let mut dims = x[0].shape().to_vec();
                    dims[axis] = end - start;
                    let element = |mut index: Vec<usize>| {
                        index[axis] += start;
                        let places = index.iter().zip(x[0].shape());
                        x[0].values()[places.fold(0, |place, (i, size)| place * size + i)]
                    };
                    Tensor::new(&dims[..], indices(&dims).map(element).collect::<Vec<_>>())
                },
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn parts_that_overlap_add_their_gradients() {
        check_op(OpCase {
            build: both_precisions!(|g, x| {
                let (first, last) = (g.slice(x[0], 1, 0..3)?, g.slice(x[0], 1, 1..4)?);
                g.mul(first, last)
            }),
            reference: |x| {
                let rows = x[0].values().chunks(4);
                let products = rows.flat_map(|row| [0, 1, 2].map(|i| row[i] * row[i + 1]));
                Tensor::new([x[0].shape()[0], 3], products.collect::<Vec<_>>())
            },
            inputs: &[uniform("N 4", -2.0..2.0)],
        });
    }

    #[test]
    fn a_range_or_an_axis_that_is_not_there_is_refused() {
        for (axis, range, want) in [
            (0, 0..1, "axis 0 is the batch, which is not cut"),
            (2, 0..1, "there is no axis 2"),
            (1, 0..4, "expected a range in 0..3, got 0..4"),
            (1, Range { start: 2, end: 1 }, "expected a range in 0..3, got 2..1"),
        ] {
            let error = refusal(&["N 3"], |g, x| g.slice(x[0], axis, range.clone()));
            assert_eq!(error, format!("slice: {want}, found [N, 3]"));
        }
    }
}
