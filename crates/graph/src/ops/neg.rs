//! Negation, `y = −x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = −dL/dy`.
//! Source: the sum rule.

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `−x`, elementwise. See the [module docs](self).
    pub fn neg(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| -x), inlined!(|_| -T::ONE));
        self.push_unary(Elementwise::new("neg", "-x", Saved::NOTHING, value, slope), x)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(both_precisions!(|g, x| Ok(g.neg(x[0]))), |v| -v, -2.0..2.0);
    }

    #[test]
    fn infinities_change_places() {
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(forward_f32(|g, x| g.neg(x), &[up, down, 2.0]), [down, up, -2.0]);
    }
}
