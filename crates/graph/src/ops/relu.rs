//! Rectified linear unit, `y = max(x, 0)`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, else 0, at the kink too; other libraries choose ½ or 1 there.
//! Source: Nair, Hinton (ICML 2010), "Rectified linear units improve restricted Boltzmann machines".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `max(x, 0)`, elementwise. See the [module docs](self).
    pub fn relu(&mut self, x: NodeId) -> NodeId {
        // `y > 0` where `x > 0`, so the buffer of `x` is free.
        let (value, slope) = (
            inlined!(|x: T| x.maximum(T::ZERO).written()),
            inlined!(|y: T| if y > T::ZERO { T::ONE } else { T::ZERO }),
        );
        self.push_unary(
            Elementwise::new("relu", "max(x, 0)", Saved::RESULT, value, slope).with_kinks(&[0.0]),
            x,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_op(OpCase {
            build: both_precisions!(|g, x| Ok(g.relu(x[0]))),
            reference: |x| x[0].map(|v| v.max(0.0)),
            inputs: &[uniform("N 5 7", -2.0..2.0)],
        });
    }

    #[test]
    fn gradient_at_zero_is_zero_and_nan_passes_through() {
        assert_eq!(gradient_f32(|g, x| g.relu(x), &[0.0, -0.0]), [0.0, 0.0]);
        assert!(forward_f32(|g, x| g.relu(x), &[f32::NAN])[0].is_nan());
        assert_eq!(
            forward_f32(|g, x| g.relu(x), &[f32::INFINITY, f32::NEG_INFINITY]),
            [f32::INFINITY, 0.0]
        );
    }

    #[test]
    fn g21_relu_of_minus_one_one_two() {
        assert_eq!(forward_f32(|g, x| g.relu(x), &[-1.0, 1.0, 2.0]), [0.0, 1.0, 2.0]);
    }
}
