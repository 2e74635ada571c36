//! Negation, `y = −x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = −dL/dy`.
//! Source: the sum rule.

use kernels::{inlined, vectorize};

use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `−x`, elementwise. See the [module docs](self).
    pub fn neg(&mut self, x: NodeId) -> NodeId {
        self.push_unary(NegOp, x)
    }
}

#[derive(Debug)]
struct NegOp;

impl<T: Float> Op<T> for NegOp {
    fn name(&self) -> &'static str {
        "neg"
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::NOTHING
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(inlined!(|x| -x));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (dx, dy) = (pass.dx, pass.dy);
        vectorize(inlined!(|| {
            if dy.is_empty() {
                dx.iter_mut().for_each(|dx| *dx = -*dx);
            } else {
                dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx -= dy);
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.neg(x[0]))),
                reference: |x| x[0].map(|v| -v),
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn infinities_change_places() {
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(forward_f32(|g, x| g.neg(x), &[up, down, 2.0]), [down, up, -2.0]);
    }
}
