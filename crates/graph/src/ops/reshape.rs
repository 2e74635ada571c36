//! The same elements in another shape.
//!
//! Shapes: `x [..]` → `y [dims]`, `x [N, ..]` → `y [N, dims]`, of as many elements a sample, in row-major order.
//! Gradient: `dL/dx = dL/dy`, in the shape of `x`.
//! Source: a reshape moves nothing: in tiles too, element `f` of a sample is row `f` in either shape.

use crate::graph::PlannerHint;
use crate::op::{BackwardPass, ForwardPass, Linearity, Op};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `x` with other dims behind the batch axis, if it has one. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If the dims have another number of elements.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let pixels = g.input("pixels", Shape::batch([784]));
    /// let image = g.reshape(pixels, [28, 28, 1])?;
    /// assert_eq!(g.shape(image), &Shape::batch([28, 28, 1]));
    ///
    /// let error = g.reshape(pixels, [28, 27]).unwrap_err();
    /// assert_eq!(error.to_string(), "reshape: [N, 784] has 784 elements but [N, 28, 27] has 756");
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn reshape(&mut self, x: NodeId, dims: impl AsRef<[usize]>) -> Result<NodeId, ShapeError> {
        self.push_with(PlannerHint::View, ReshapeOp { dims: dims.as_ref().to_vec() }, &[x])
    }

    /// Adds `x` with one axis behind the batch axis, if it has one: `[N, 28, 28, 6]` becomes `[N, 4704]`.
    pub fn flatten(&mut self, x: NodeId) -> NodeId {
        let dims = vec![self.shape(x).len()];
        self.reshape(x, dims).expect("as many elements")
    }
}

struct ReshapeOp {
    dims: Vec<usize>,
}

impl<T: Float> Op<T> for ReshapeOp {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let from = &operands[0];
        let to = from.with_dims(&self.dims);
        if from.len() != to.len() {
            let rule = format!("{from} has {} elements but {to} has {}", from.len(), to.len());
            return Err(ShapeError { op: "reshape", rule });
        }
        Ok(to)
    }

    fn in_place(&self) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    /// In place `x` is empty, and the values are there already.
    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.y.iter_mut().zip(pass.x[0]).for_each(|(y, &x)| *y = x);
    }

    /// In place `dy` is empty, and the gradient is there already.
    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.dx.iter_mut().zip(pass.dy).for_each(|(dx, &dy)| *dx += dy);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, uniform};
    use crate::{Graph, Shape, Tensor};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, dims) in [
            ("N 2 3", &[6][..]),
            ("N 6", &[3, 1, 2]),
            ("N 1", &[]),
            ("N", &[1, 1]),
            ("2 3", &[3, 2]),
            ("", &[1]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.reshape(v[0], dims)),
                reference: |v| {
                    let batch = x.starts_with('N').then(|| v[0].shape()[0]);
                    let dims: Vec<usize> = batch.into_iter().chain(dims.to_vec()).collect();
                    Tensor::new(dims, v[0].values())
                },
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn a_value_and_its_reshape_can_both_be_read() {
        check_op(OpCase {
            build: both_precisions!(|g, v| {
                let flat = g.reshape(v[0], [6])?;
                let (square, again) = (g.mul(flat, flat)?, g.flatten(v[0]));
                g.mul(square, again)
            }),
            reference: |v| Tensor::new([v[0].shape()[0], 6], v[0].map(|x| x * x * x).values()),
            inputs: &[uniform("N 2 3", -2.0..2.0)],
        });
    }

    #[test]
    fn flatten_keeps_the_batch_axis() {
        let mut g = Graph::<f32>::new();
        for (from, to) in [
            (Shape::batch([28, 28, 6]), Shape::batch([4704])),
            (Shape::batch([]), Shape::batch([1])),
            (Shape::from([2, 3]), Shape::from([6])),
            (Shape::from([]), Shape::from([1])),
        ] {
            let x = g.input("x", from);
            let y = g.flatten(x);
            assert_eq!(g.shape(y), &to);
        }
    }
}
