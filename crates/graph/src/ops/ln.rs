//! Natural logarithm, `y = ln x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise). The domain is `x > 0`: at 0 the result is −∞,
//! below it NaN.
//! Gradient: `dL/dx = dL/dy / x`, ∞ at 0.
//! Source: the logarithm is the inverse of the exponential function.

use crate::elementwise::{Elementwise, ElementwiseOp};
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `ln x`, elementwise. See the [module docs](self).
    pub fn ln(&mut self, x: NodeId) -> NodeId {
        self.push_unary(ElementwiseOp(LnOp), x)
    }
}

#[derive(Debug)]
struct LnOp;

impl Elementwise for LnOp {
    const NAME: &'static str = "ln";
    const SAVED: Saved = Saved::FIRST;

    #[inline(always)]
    fn value<T: Float>(x: T) -> T {
        x.ln()
    }

    #[inline(always)]
    fn slope<T: Float>(x: T) -> T {
        T::ONE / x
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.ln(x[0]))),
                reference: |x| x[0].map(f64::ln),
                inputs: &[uniform(shape, 0.3..3.0)],
            });
        }
    }

    #[test]
    fn the_end_of_the_domain_shows() {
        let y = forward_f32(|g, x| g.ln(x), &[0.0, 1.0, f32::INFINITY, -1.0]);
        assert_eq!(y[..3], [f32::NEG_INFINITY, 0.0, f32::INFINITY]);
        assert!(y[3].is_nan());
        assert_eq!(gradient_f32(|g, x| g.ln(x), &[0.0, 4.0]), [f32::INFINITY, 0.25]);
    }
}
