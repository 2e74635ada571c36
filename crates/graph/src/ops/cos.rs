//! Cosine, `y = cos x`, of an angle in radians.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = −dL/dy · sin x`.
//! Source: the derivative of the cosine is the negative sine.

use crate::elementwise::{Elementwise, ElementwiseOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `cos x`, elementwise. See the [module docs](self).
    pub fn cos(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ElementwiseOp(CosOp), x)
    }
}

#[derive(Debug)]
struct CosOp;

impl Elementwise for CosOp {
    const NAME: &'static str = "cos";
    const SAVED: Saved = Saved::FIRST;

    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.cos()
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> T {
        -x.sin()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.cos(x[0]))),
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
