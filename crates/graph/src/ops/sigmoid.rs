//! Logistic function, `y = 1 / (1 + e⁻ˣ)`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · y · (1 − y)`.
//! Source: Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating errors".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `1 / (1 + e⁻ˣ)`, elementwise. See the [module docs](self).
    pub fn sigmoid(&mut self, x: NodeId) -> NodeId {
        let (value, slope) = (inlined!(|x: T| x.sigmoid()), inlined!(|y: T| y * (T::ONE - y)));
        self.push_unary(
            Elementwise::new("sigmoid", "1 / (1 + exp(-x))", Saved::RESULT, value, slope),
            x,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(
            both_precisions!(|g, x| Ok(g.sigmoid(x[0]))),
            |v| 1.0 / (1.0 + (-v).exp()),
            -4.0..4.0,
        );
    }

    #[test]
    fn stays_finite_far_from_zero() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.sigmoid(x), &x), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.sigmoid(x), &x), [0.0, 0.0, 0.25, 0.0, 0.0]);
        assert!(forward_f32(|g, x| g.sigmoid(x), &[f32::NAN])[0].is_nan());
    }

    #[test]
    fn g21_sigmoid_of_minus_one_one_two() {
        let y = forward_f32(|g, x| g.sigmoid(x), &[-1.0, 1.0, 2.0]);
        let close =
            y.iter().zip([0.26894, 0.73106, 0.88080]).all(|(y, want)| (y - want).abs() < 5e-6);
        assert!(close, "{y:?}");
    }
}
