//! Magnitude, `y = |x|`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, `−dL/dy` where `x < 0`. At the kink the gradient is 0, halfway
//! between the two sides.
//! Source: the two straight halves, one rule each.

use crate::elementwise::{Elementwise, ElementwiseOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `|x|`, elementwise. See the [module docs](self).
    pub fn abs(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ElementwiseOp(AbsOp), x)
    }
}

#[derive(Debug)]
struct AbsOp;

impl Elementwise for AbsOp {
    const NAME: &'static str = "abs";
    const SAVED: Saved = Saved::FIRST;
    const HAS_KINK: bool = true;

    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.abs()
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> T {
        if x > T::ZERO {
            T::ONE
        } else if x < T::ZERO {
            -T::ONE
        } else {
            T::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.abs(x[0]))),
                reference: |x| x[0].map(f64::abs),
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn gradient_at_zero_is_zero() {
        assert_eq!(gradient_f32(|g, x| g.abs(x), &[-3.0, -0.0, 0.0, 3.0]), [-1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn infinity_and_nan_pass_through() {
        let y = forward_f32(|g, x| g.abs(x), &[f32::NEG_INFINITY, -0.0, f32::NAN]);
        assert_eq!(y[..2], [f32::INFINITY, 0.0]);
        assert!(y[2].is_nan());
    }
}
