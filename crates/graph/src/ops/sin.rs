//! Sine, `y = sin x`, of an angle in radians.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · cos x`.
//! Source: the derivative of the sine is the cosine.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `sin x`, elementwise. See the [module docs](self).
    pub fn sin(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.sin()), inlined!(|x: T| x.cos()));
        self.push_unary(Elementwise::new("sin", "sin(x)", Saved::FIRST, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.sin(x[0]))), f64::sin, -4.0..4.0);
    }

    #[test]
    fn a_quarter_turn_is_the_top() {
        let angles = [0.0, std::f32::consts::FRAC_PI_2];
        assert_eq!(forward_f32(|g, x| g.sin(x), &angles), [0.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.sin(x), &angles)[0], 1.0);
        assert!(forward_f32(|g, x| g.sin(x), &[f32::INFINITY])[0].is_nan());
    }
}
