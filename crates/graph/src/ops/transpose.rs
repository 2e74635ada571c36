//! The axes of a value in another order.
//!
//! Shapes: `x [n_0, n_1, ..]` → `y`, whose axis `i` is axis `axes[i]` of `x`. The batch stays the first axis.
//! Gradient: `dL/dx` is `dL/dy` with its axes in the old order.
//! Source: a permutation moves elements and changes none; the order as in NumPy.

use kernels::{inlined, vectorize};

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op};
use crate::strided_indices::{MAX_AXES, StridedIndices};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `x` with its axes in the order `axes`, which count from 0 with the batch axis.
    ///
    /// # Errors
    ///
    /// If `axes` does not name every axis once, moves the batch, or there are more than six axes behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let heads = g.input("heads", Shape::batch([49, 4, 16]));
    /// let y = g.transpose(heads, &[0, 2, 1, 3])?;
    /// assert_eq!(g.shape(y), &Shape::batch([4, 49, 16]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn transpose(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, ShapeError> {
        self.push(TransposeOp { axes: axes.to_vec() }, &[x])
    }
}

struct TransposeOp {
    axes: Vec<usize>,
}

impl TransposeOp {
    /// For each block of the result, in order, the number of the same block in `x`; and the elements of a block, for
    /// all samples: those along the last axes, if these stay where they are.
    fn blocks(&self, x: &Shape, width: usize) -> (StridedIndices, usize) {
        let batch = usize::from(x.is_batched());
        let (axes, dims) = (&self.axes[batch..], x.dims());
        let staying = (0..axes.len()).rev().take_while(|&i| axes[i] - batch == i).count();
        let (moved, block) = dims.split_at(dims.len() - staying);
        let moved_axes = axes[..moved.len()].iter().map(|axis| axis - batch);
        let indices = StridedIndices::transpose(moved, moved_axes);
        (indices, block.iter().product::<usize>() * width)
    }
}

impl<T: Float> Op<T> for TransposeOp {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default().with_sizes("axes", &*self.axes)
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let (x, axes) = (&operands[0], &self.axes);
        let refuse = |rule: String| Err(ShapeError::new("transpose", rule, x));
        if axes.len() != x.rank() || (0..x.rank()).any(|axis| !axes.contains(&axis)) {
            return refuse(format!("expected every axis once, got {axes:?}"));
        }
        if x.is_batched() && axes[0] != 0 {
            return refuse(format!("axis 0 is the batch, which stays the first, got {axes:?}"));
        }
        if x.dims().len() > MAX_AXES {
            return refuse(format!("expected at most {MAX_AXES} axes"));
        }
        let batch = usize::from(x.is_batched());
        let dims: Vec<usize> = axes[batch..].iter().map(|axis| x.dims()[axis - batch]).collect();
        Ok(x.with_dims(dims))
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (mut blocks, len) = self.blocks(&pass.shapes[0], pass.tile.row_len(pass.y_shape));
        let x = pass.x[0];
        vectorize(inlined!(|| {
            for y in pass.y.chunks_exact_mut(len.max(1)) {
                y.copy_from_slice(&x[blocks.advance() * len..][..len]);
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (mut blocks, len) = self.blocks(&pass.shapes[0], pass.tile.row_len(pass.y_shape));
        let (dx, dy) = (pass.dx, pass.dy);
        vectorize(inlined!(|| {
            for dy in dy.chunks_exact(len.max(1)) {
                let dx = &mut dx[blocks.advance() * len..][..len];
                if pass.adds {
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy);
                } else {
                    dx.copy_from_slice(dy);
                }
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, indices, refusal, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (shape, axes) in [
            ("N 3 4", &[0, 2, 1][..]),
            ("N 2 3 4", &[0, 2, 1, 3]),
            ("N 2 3 4", &[0, 3, 1, 2]),
            ("N 2 3 4", &[0, 1, 2, 3]),
            ("N 2 1 3 2", &[0, 4, 3, 2, 1]),
            ("N 3", &[0, 1]),
            ("N", &[0]),
            ("3 4", &[1, 0]),
            ("2 3 4", &[1, 0, 2]),
            ("", &[]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.transpose(x[0], axes)),
                reference: |x| {
                    let dims: Vec<usize> = axes.iter().map(|&axis| x[0].shape()[axis]).collect();
                    let element = |index: Vec<usize>| {
                        let mut own = vec![0; axes.len()];
                        axes.iter().zip(index).for_each(|(&axis, i)| own[axis] = i);
                        let places = own.iter().zip(x[0].shape());
                        x[0].values()[places.fold(0, |place, (i, size)| place * size + i)]
                    };
                    Tensor::new(&dims[..], indices(&dims).map(element).collect::<Vec<_>>())
                },
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn axes_that_repeat_or_move_the_batch_are_refused() {
        for (axes, want) in [
            (&[0, 1][..], "expected every axis once, got [0, 1]"),
            (&[0, 1, 1], "expected every axis once, got [0, 1, 1]"),
            (&[0, 1, 3], "expected every axis once, got [0, 1, 3]"),
            (&[1, 0, 2], "axis 0 is the batch, which stays the first, got [1, 0, 2]"),
        ] {
            let error = refusal(&["N 3 4"], |g, x| g.transpose(x[0], axes));
            assert_eq!(error, format!("transpose: {want}, found [N, 3, 4]"));
        }
    }
}
