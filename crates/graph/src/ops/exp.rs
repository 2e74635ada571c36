//! Exponential, `y = eˣ`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise). Above 88.7 the result is ∞ in `f32`, below −87.3
//! it is 0.
//! Gradient: `dL/dx = dL/dy · y`.
//! Source: the exponential function is its own derivative.

use crate::op::{BackwardPass, ForwardPass, Op, Saved, same_shape};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `eˣ`, elementwise. See the [module docs](self).
    pub fn exp(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ExpOp, x)
    }
}

#[derive(Debug)]
struct ExpOp;

impl<T: Float> Op<T> for ExpOp {
    fn name(&self) -> &'static str {
        "exp"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        same_shape(operands)
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::RESULT
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(
            #[inline(always)]
            |x| x.exp(),
        );
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.map_result(
            #[inline(always)]
            |y| y,
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: |g, x| Ok(g.exp(x[0])),
                reference: |x| x[0].map(f64::exp),
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn ends_in_zero_and_infinity() {
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(
            forward_f32(|g, x| g.exp(x), &[down, -1e4, 0.0, 1e4, up]),
            [0.0, 0.0, 1.0, up, up]
        );
        assert_eq!(gradient_f32(|g, x| g.exp(x), &[down, 0.0]), [0.0, 1.0]);
        assert!(forward_f32(|g, x| g.exp(x), &[f32::NAN])[0].is_nan());
    }
}
