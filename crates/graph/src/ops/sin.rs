//! Sine, `y = sin x`, of an angle in radians.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · cos x`.
//! Source: the derivative of the sine is the cosine.

use crate::elementwise::{Elementwise, ElementwiseOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `sin x`, elementwise. See the [module docs](self).
    pub fn sin(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ElementwiseOp(SinOp), x)
    }
}

#[derive(Debug)]
struct SinOp;

impl Elementwise for SinOp {
    const NAME: &'static str = "sin";
    const SAVED: Saved = Saved::FIRST;

    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.sin()
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> T {
        x.cos()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.sin(x[0]))),
                reference: |x| x[0].map(f64::sin),
                inputs: &[uniform(shape, -4.0..4.0)],
            });
        }
    }

    #[test]
    fn a_quarter_turn_is_the_top() {
        let angles = [0.0, std::f32::consts::FRAC_PI_2];
        assert_eq!(forward_f32(|g, x| g.sin(x), &angles), [0.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.sin(x), &angles)[0], 1.0);
        assert!(forward_f32(|g, x| g.sin(x), &[f32::INFINITY])[0].is_nan());
    }
}
