//! Values one after the other along an axis.
//!
//! Shapes: `x_k [.., n_k, ..]` → `y [.., Σ n_k, ..]`, equal but for this axis, which is not the batch. Among values with
//! the batch axis one without it is the same for every sample.
//! Gradient: `dL/dx_k` is the part of `dL/dy`, summed over the samples if they share the value.
//! Source: Huang, Liu, van der Maaten, Weinberger (CVPR 2017), "Densely connected convolutional networks".

use kernels::add_row_sums;

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op};
use crate::rows::add_or_set;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the values one after the other along `axis`, which counts from 0 with the batch axis of the result.
    ///
    /// # Errors
    ///
    /// If there is no value, the result has no such axis or that is the batch, or the values differ in another axis.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let (a, b) = (g.input("a", Shape::batch([7, 7, 12])), g.input("b", Shape::batch([7, 7, 4])));
    /// let y = g.concat(&[a, b], 3)?;
    /// assert_eq!(g.shape(y), &Shape::batch([7, 7, 16]));
    ///
    /// let error = g.concat(&[a, b], 2).unwrap_err();
    /// let text = "concat: [N, 7, 7, 12] and [N, 7, 7, 4] differ in another axis than 2";
    /// assert_eq!(error.to_string(), text);
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn concat(&mut self, values: &[NodeId], axis: usize) -> Result<NodeId, ShapeError> {
        self.push(ConcatOp { axis }, values)
    }
}

struct ConcatOp {
    axis: usize,
}

impl ConcatOp {
    /// Rows of the values at one index of the axes before this one, for each of the shapes: for all samples.
    fn block_rows(&self, y: &Shape, shape: &Shape) -> usize {
        shape.dims()[self.axis - usize::from(y.is_batched())..].iter().product()
    }
}

impl<T: Float> Op<T> for ConcatOp {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default().with_sizes("axis", [self.axis])
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let Some(first) = operands.first() else {
            return Err(ShapeError { op: "concat", rule: "expected at least one value".into() });
        };
        let batched = operands.iter().find(|shape| shape.is_batched()).unwrap_or(first);
        if self.axis >= batched.rank() {
            return Err(ShapeError::new(
                "concat",
                format!("there is no axis {}", self.axis),
                batched,
            ));
        }
        let Some(axis) = self.axis.checked_sub(usize::from(batched.is_batched())) else {
            return Err(ShapeError::new("concat", "axis 0 is the batch, which stays", batched));
        };
        let mut dims = first.dims().to_vec();
        for shape in &operands[1..] {
            let mut others = shape.dims().iter().zip(first.dims()).enumerate();
            let is_alike = shape.dims().len() == first.dims().len()
                && others.all(|(i, (size, other))| i == axis || size == other);
            if !is_alike {
                let rule = format!("{first} and {shape} differ in another axis than {}", self.axis);
                return Err(ShapeError { op: "concat", rule });
            }
            dims[axis] = dims[axis].saturating_add(shape.dims()[axis]);
        }
        Ok(batched.with_dims(dims))
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let width = pass.tile.row_len(pass.y_shape);
        let block = self.block_rows(pass.y_shape, pass.y_shape) * width;
        let mut start = 0;
        for (x, shape) in pass.x.iter().zip(pass.shapes) {
            let rows = self.block_rows(pass.y_shape, shape);
            for (i, y) in pass.y.chunks_exact_mut(block.max(1)).enumerate() {
                let y = &mut y[start..start + rows * width];
                if shape.is_batched() == pass.y_shape.is_batched() {
                    y.copy_from_slice(&x[i * rows * width..][..rows * width]);
                } else {
                    let rows = y.chunks_exact_mut(width).zip(&x[i * rows..]);
                    rows.for_each(|(row, &x)| row.fill(x));
                }
            }
            start += rows * width;
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let width = pass.tile.row_len(pass.y_shape);
        let rows = |shape: &Shape| self.block_rows(pass.y_shape, shape);
        let block = rows(pass.y_shape) * width;
        let start = pass.shapes[..pass.operand].iter().map(rows).sum::<usize>() * width;
        let shape = &pass.shapes[pass.operand];
        let len = rows(shape) * width;
        if shape.is_batched() == pass.y_shape.is_batched() {
            let parts = pass.dx.chunks_exact_mut(len.max(1));
            for (dx, dy) in parts.zip(pass.dy.chunks_exact(block.max(1))) {
                add_or_set(dx, &dy[start..start + len], pass.adds);
            }
        } else {
            if !pass.adds {
                pass.dx.fill(T::ZERO);
            }
            // The columns after the last sample have a gradient of 0.
            let parts = pass.dx.chunks_exact_mut((len / width).max(1));
            for (dx, dy) in parts.zip(pass.dy.chunks_exact(block.max(1))) {
                add_row_sums(&dy[start..start + len], width, dx);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, indices, refusal, uniform};
    use crate::{Graph, Tensor};

    /// The values of row-major tensors, element by element; one of lower rank lacks the batch.
    fn reference(x: &[Tensor<f64>], axis: usize) -> Tensor<f64> {
        let whole = x.iter().max_by_key(|x| x.shape().len()).unwrap();
        let rank = whole.shape().len();
        let size = |x: &Tensor<f64>| x.shape()[axis + x.shape().len() - rank];
        let mut dims = whole.shape().to_vec();
        dims[axis] = x.iter().map(size).sum();
        let element = |mut index: Vec<usize>| {
            let mut at = 0;
            while index[axis] >= size(&x[at]) {
                index[axis] -= size(&x[at]);
                at += 1;
            }
            let own = &index[rank - x[at].shape().len()..];
            let place = own.iter().zip(x[at].shape()).fold(0, |place, (i, size)| place * size + i);
            x[at].values()[place]
        };
        Tensor::new(&dims[..], indices(&dims).map(element).collect::<Vec<_>>())
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (shapes, axis) in [
            (&["N 3", "N 1", "N 4"][..], 1),
            (&["N 2 3 2", "N 2 3 5"], 3),
            (&["N 2 3 2", "N 2 1 2"], 2),
            (&["N 2 3", "N 1 3"], 1),
            (&["N 3"], 1),
            (&["N 2 3", "1 3"], 1),
            (&["2 1", "N 2 3", "2 2"], 2),
            (&["2 3", "1 3"], 0),
            (&["2 3", "2 5"], 1),
            (&["N 1"; 32], 1),
        ] {
            let inputs: Vec<_> = shapes.iter().map(|shape| uniform(shape, -2.0..2.0)).collect();
            check_op(OpCase {
                build: both_precisions!(|g, x| g.concat(x, axis)),
                reference: |x| reference(x, axis),
                inputs: &inputs,
            });
        }
    }

    #[test]
    fn one_value_may_stand_twice_and_one_be_empty() {
        check_op(OpCase {
            build: both_precisions!(|g, x| {
                let nothing = g.slice(x[0], 1, 0..0)?;
                g.concat(&[x[0], nothing, x[0]], 1)
            }),
            reference: |x| reference(&[x[0].clone(), x[0].clone()], 1),
            inputs: &[uniform("N 3 2", -2.0..2.0)],
        });
    }

    #[test]
    fn values_that_do_not_fit_are_refused_with_their_shapes() {
        for (shapes, axis, want) in [
            (["N 3", "N 4"], 0, "axis 0 is the batch, which stays, found [N, 3]"),
            (["N 3", "N 4"], 2, "there is no axis 2, found [N, 3]"),
            (["N 2 3", "N 4"], 1, "[N, 2, 3] and [N, 4] differ in another axis than 1"),
            (["N 2 3", "N 1 4"], 2, "[N, 2, 3] and [N, 1, 4] differ in another axis than 2"),
        ] {
            assert_eq!(refusal(&shapes, |g, x| g.concat(x, axis)), format!("concat: {want}"));
        }
        let error = Graph::<f32>::new().concat(&[], 0).unwrap_err();
        assert_eq!(error.to_string(), "concat: expected at least one value");
    }
}
