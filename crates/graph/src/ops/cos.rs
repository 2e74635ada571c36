//! Cosine, `y = cos x`, of an angle in radians.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = −dL/dy · sin x`.
//! Source: the derivative of the cosine is the negative sine.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `cos x`, elementwise. See the [module docs](self).
    pub fn cos(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.cos()), inlined!(|x: T| -x.sin()));
        self.push_unary(Elementwise::new("cos", "cos(x)", Saved::FIRST, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.cos(x[0]))), f64::cos, -4.0..4.0);
    }

    #[test]
    fn a_half_turn_is_the_bottom() {
        let angles = [0.0, std::f32::consts::PI];
        assert_eq!(forward_f32(|g, x| g.cos(x), &angles), [1.0, -1.0]);
        assert_eq!(gradient_f32(|g, x| g.cos(x), &angles)[0], 0.0);
        assert!(forward_f32(|g, x| g.cos(x), &[f32::INFINITY])[0].is_nan());
    }
}
