//! Cosine, `y = cos x`, of an angle in radians.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = −dL/dy · sin x`.
//! Source: the derivative of the cosine is the negative sine.

use crate::op::{BackwardPass, ForwardPass, Op, Saved, same_shape};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `cos x`, elementwise. See the [module docs](self).
    pub fn cos(&mut self, x: NodeId) -> NodeId {
        self.push_unary(CosOp, x)
    }
}

#[derive(Debug)]
struct CosOp;

impl<T: Float> Op<T> for CosOp {
    fn name(&self) -> &'static str {
        "cos"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        same_shape(operands)
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(
            #[inline(always)]
            |x| x.cos(),
        );
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.map_operand(
            #[inline(always)]
            |x| -x.sin(),
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
                build: |g, x| Ok(g.cos(x[0])),
                reference: |x| x[0].map(f64::cos),
                inputs: &[uniform(shape, -4.0..4.0)],
            });
        }
    }

    #[test]
    fn a_half_turn_is_the_bottom() {
        let angles = [0.0, std::f32::consts::PI];
        assert_eq!(forward_f32(|g, x| g.cos(x), &angles), [1.0, -1.0]);
        assert_eq!(gradient_f32(|g, x| g.cos(x), &angles)[0], 0.0);
        assert!(forward_f32(|g, x| g.cos(x), &[f32::INFINITY])[0].is_nan());
    }
}
