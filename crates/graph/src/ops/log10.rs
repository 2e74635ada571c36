//! Decimal logarithm, `y = log₁₀ x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank). The domain is `x > 0`: at 0 the result is −∞, below it NaN.
//! Gradient: `dL/dx = dL/dy / (x · ln 10)`, ∞ at 0.
//! Source: `log₁₀ x = ln x / ln 10`.

use std::f64::consts::LOG10_E;

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `log₁₀ x`, elementwise. See the [module docs](self).
    pub fn log10(&mut self, x: NodeId) -> NodeId {
        let (value, slope) =
            (inlined!(|x: T| x.log10()), inlined!(|x: T| T::from_f64(LOG10_E) / x));
        self.push_unary(Elementwise::new("log10", "log10(x)", Saved::FIRST, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.log10(x[0]))), f64::log10, 0.3..3.0);
    }

    #[test]
    fn powers_of_ten_are_exact_and_the_end_of_the_domain_shows() {
        let y = forward_f32(|g, x| g.log10(x), &[1.0, 1000.0, 0.0, -1.0]);
        assert_eq!(y[..3], [0.0, 3.0, f32::NEG_INFINITY]);
        assert!(y[3].is_nan());
    }
}
