//! Hyperbolic tangent, `y = tanh x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · (1 − y²)`.
//! Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", on symmetric sigmoids.

use crate::elementwise::{Elementwise, ElementwiseOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `tanh x`, elementwise. See the [module docs](self).
    pub fn tanh(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ElementwiseOp(TanhOp), x)
    }
}

#[derive(Debug)]
struct TanhOp;

impl Elementwise for TanhOp {
    const NAME: &'static str = "tanh";
    const SAVED: Saved = Saved::RESULT;

    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.tanh()
    }

    #[inline(always)]
    fn slope<T: Float>(y: T) -> T {
        T::ONE - y * y
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.tanh(x[0]))),
                reference: |x| x[0].map(f64::tanh),
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn stays_finite_far_from_zero() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.tanh(x), &x), [-1.0, -1.0, 0.0, 1.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.tanh(x), &x), [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert!(forward_f32(|g, x| g.tanh(x), &[f32::NAN])[0].is_nan());
    }
}
