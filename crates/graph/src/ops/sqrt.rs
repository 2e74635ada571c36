//! Square root, `y = √x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise). The domain is `x ≥ 0`: below it the result is
//! NaN.
//! Gradient: `dL/dx = dL/dy / 2y`, ∞ at 0, where the curve is vertical.
//! Source: the square root is the inverse of the square.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `√x`, elementwise. See the [module docs](self).
    pub fn sqrt(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.sqrt()), inlined!(|y: T| T::from_f64(0.5) / y));
        self.push_unary(Elementwise::new("sqrt", "sqrt(x)", Saved::RESULT, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.sqrt(x[0]))), f64::sqrt, 0.3..3.0);
    }

    #[test]
    fn the_end_of_the_domain_shows() {
        let y = forward_f32(|g, x| g.sqrt(x), &[0.0, 9.0, f32::INFINITY, -1.0]);
        assert_eq!(y[..3], [0.0, 3.0, f32::INFINITY]);
        assert!(y[3].is_nan());
        assert_eq!(gradient_f32(|g, x| g.sqrt(x), &[0.0, 4.0]), [f32::INFINITY, 0.25]);
    }
}
