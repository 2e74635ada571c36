//! The smaller of two values, `y = min(a, b)`, element by element, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on. If one is NaN, so is the result.
//! Gradient: all of `dL/dy` goes to the smaller, summed over what it was broadcast to, and at a tie, a kink, to the
//! first, as in [`min`](super::min).
//! Source: the gradient of the branch that was taken.

use kernels::inlined;

use super::max::smaller;
use crate::binary::BinaryOp;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the smaller of `a` and `b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn minimum(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        let functions = (
            inlined!(|a: T, b| smaller(a, b)),
            inlined!(|dy: T, a, b| if a <= b { dy } else { T::ZERO }),
            inlined!(|dy: T, a, b| if b < a { dy } else { T::ZERO }),
        );
        let (formula, saved) = ("min(a, b)", [Saved::BOTH; 2]);
        let op = BinaryOp::new("minimum", formula, Linearity::Nonlinear, saved, functions);
        self.push(op.with_kink(), &[a, b])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform, zip,
    };
    use crate::{Graph, NodeId};

    #[test]
    fn matches_reference_and_finite_differences() {
        // So many elements that each operand is the smaller somewhere.
        for (a, b) in [("N 16", "N 16"), ("N 2 16", "16"), ("N 32", ""), ("2 1 16", "8 1")] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.minimum(x[0], x[1])),
                reference: |x| zip(&x[0], &x[1], f64::min),
                inputs: &[uniform(a, -2.0..2.0), uniform(b, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn a_tie_goes_to_the_first_and_nan_passes_through() {
        let with_one = |g: &mut Graph<f32>, x: NodeId| {
            let one = g.scalar(1.0);
            g.minimum(x, one).unwrap()
        };
        let [low, high] = [0.5, 2.0];
        assert_eq!(gradient_f32(with_one, &[high, 1.0, low]), [0.0, 1.0, 1.0]);
        assert!(forward_f32(with_one, &[f32::NAN])[0].is_nan());
        let with_nan = |g: &mut Graph<f32>, x: NodeId| {
            let nan = g.scalar(f64::NAN);
            g.minimum(x, nan).unwrap()
        };
        assert!(forward_f32(with_nan, &[1.0])[0].is_nan());
    }
}
