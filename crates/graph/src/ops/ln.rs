//! Natural logarithm, `y = ln x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank). The domain is `x > 0`: at 0 the result is −∞, below it NaN.
//! Gradient: `dL/dx = dL/dy / x`, ∞ at 0.
//! Source: the logarithm is the inverse of the exponential function.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `ln x`, elementwise. See the [module docs](self).
    pub fn ln(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.ln()), inlined!(|x: T| T::ONE / x));
        self.push_unary(Elementwise::new("ln", "ln(x)", Saved::FIRST, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.ln(x[0]))), f64::ln, 0.3..3.0);
    }

    #[test]
    fn the_end_of_the_domain_shows() {
        let y = forward_f32(|g, x| g.ln(x), &[0.0, 1.0, f32::INFINITY, -1.0]);
        assert_eq!(y[..3], [f32::NEG_INFINITY, 0.0, f32::INFINITY]);
        assert!(y[3].is_nan());
        assert_eq!(gradient_f32(|g, x| g.ln(x), &[0.0, 4.0]), [f32::INFINITY, 0.25]);
    }
}
