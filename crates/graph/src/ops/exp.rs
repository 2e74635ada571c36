//! Exponential, `y = eˣ`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank). In `f32` the result is ∞ above 88.7, and 0 below −87.3.
//! Gradient: `dL/dx = dL/dy · y`.
//! Source: the exponential function is its own derivative.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `eˣ`, elementwise. See the [module docs](self).
    pub fn exp(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.exp()), inlined!(|y: T| y));
        self.push_unary(Elementwise::new("exp", "exp(x)", Saved::RESULT, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.exp(x[0]))), f64::exp, -2.0..2.0);
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
