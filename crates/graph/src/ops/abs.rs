//! Magnitude, `y = |x|`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, `−dL/dy` where `x < 0`, and 0 at the kink, halfway between.
//! Source: the two straight halves, one rule each.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `|x|`, elementwise. See the [module docs](self).
    pub fn abs(&mut self, x: NodeId) -> NodeId {
        let is_above = |x: T| if x > T::ZERO { T::ONE } else { T::ZERO };
        let (value, slope) =
            (inlined!(|x: T| x.abs()), inlined!(move |x: T| is_above(x) - is_above(-x)));
        self.push_unary(
            Elementwise::new("abs", "abs(x)", Saved::FIRST, value, slope).with_kinks(&[0.0]),
            x,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.abs(x[0]))), f64::abs, -2.0..2.0);
    }

    #[test]
    fn gradient_at_zero_is_zero_and_infinity_and_nan_pass_through() {
        assert_eq!(gradient_f32(|g, x| g.abs(x), &[-3.0, -0.0, 0.0, 3.0]), [-1.0, 0.0, 0.0, 1.0]);
        let y = forward_f32(|g, x| g.abs(x), &[f32::NEG_INFINITY, -0.0, f32::NAN]);
        assert_eq!(y[..2], [f32::INFINITY, 0.0]);
        assert!(y[2].is_nan());
    }
}
