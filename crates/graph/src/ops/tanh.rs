//! Hyperbolic tangent, `y = tanh x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · (1 − y²)`.
//! Source: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", on symmetric sigmoids.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `tanh x`, elementwise. See the [module docs](self).
    pub fn tanh(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.tanh()), inlined!(|y: T| T::ONE - y * y));
        self.push_unary(Elementwise::new("tanh", "tanh(x)", Saved::RESULT, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.tanh(x[0]))), f64::tanh, -2.0..2.0);
    }

    #[test]
    fn stays_finite_far_from_zero() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.tanh(x), &x), [-1.0, -1.0, 0.0, 1.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.tanh(x), &x), [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert!(forward_f32(|g, x| g.tanh(x), &[f32::NAN])[0].is_nan());
    }
}
