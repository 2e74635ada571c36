//! Quotient of two values, `y = a / b`, element by element, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on. The domain is `b ≠ 0`: there the
//! result is ±∞, or NaN for `0 / 0`.
//! Gradient: `dL/da = dL/dy / b`, `dL/db = −dL/dy · a / b²`, summed over what the operand was broadcast to.
//! Source: the quotient rule; broadcasting as in NumPy.

use crate::binary;
use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::strided_indices::broadcast_shape;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a / b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// [`ShapeError::Broadcast`] if sizes neither agree nor are 1.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(DivOp, &[a, b])
    }
}

#[derive(Debug)]
struct DivOp;

impl<T: Float> Op<T> for DivOp {
    fn name(&self) -> &'static str {
        "div"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape("div", &operands[0], &operands[1])
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::BOTH }
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        binary::forward(
            pass,
            #[inline(always)]
            |a, b| a / b,
        );
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        if pass.operand == 0 {
            binary::backward(
                pass,
                #[inline(always)]
                |dy, _, b| dy / b,
            );
        } else {
            // Divided twice, since `b²` leaves the range of numbers long before the quotient does.
            binary::backward(
                pass,
                #[inline(always)]
                |dy, a, b| -dy * (a / b / b),
            );
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        binary::backward_scratch(operand, operands, width)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, forward_f32, gradient_f32, uniform, zip};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in
            [("N 3", "N 3"), ("N 2 3", "3"), ("N 4", ""), ("2 1 3", "4 1"), ("3", "N 2 3")]
        {
            for divisor in [0.5..2.0, -2.0..-0.5] {
                check_op(OpCase {
                    build: |g, x| g.div(x[0], x[1]),
                    reference: |x| zip(&x[0], &x[1], |a, b| a / b),
                    inputs: &[uniform(a, -2.0..2.0), uniform(b, divisor)],
                });
            }
        }
    }

    #[test]
    fn a_divisor_of_zero_gives_infinity_and_zero_by_zero_nan() {
        let reciprocal = |g: &mut crate::Graph<f32>, x| {
            let one = g.scalar(1.0);
            g.div(one, x).unwrap()
        };
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(forward_f32(reciprocal, &[0.0, -0.0, up]), [up, down, 0.0]);
        assert!(forward_f32(|g, x| g.div(x, x).unwrap(), &[0.0])[0].is_nan());
    }

    #[test]
    fn the_gradient_of_a_tiny_divisor_is_as_large_as_it_is() {
        let ratio = |g: &mut crate::Graph<f32>, x| {
            let tiny = g.scalar(1e-25);
            g.div(tiny, x).unwrap()
        };
        let slope = gradient_f32(ratio, &[1e-25])[0];
        assert!((slope / -1e25 - 1.0).abs() < 1e-6, "{slope}");
    }
}
