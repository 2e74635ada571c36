//! Sigmoid linear unit, `y = x · sigmoid(x)`, also called swish.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: with `s = sigmoid(x)`: `dL/dx = dL/dy · s · (1 + x · (1 − s))`.
//! Source: Elfwing, Uchibe, Doya (2017), "Sigmoid-weighted linear units for neural network function
//! approximation in reinforcement learning".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

/// From here on the sigmoid is 0 or 1 in both precisions, so that its product with a larger `x` is its limit.
pub(super) const SATURATED: f64 = 800.0;

impl<T: Float> Graph<T> {
    /// Adds `x · sigmoid(x)`, elementwise. See the [module docs](self).
    pub fn silu(&mut self, x: NodeId) -> NodeId {
        let limit = T::from_f64(SATURATED);
        let (value, slope) = (
            // Left of the limit a product of infinity and 0 would be NaN.
            inlined!(move |x: T| x.maximum(-limit) * x.sigmoid()),
            inlined!(move |x: T| {
                let (x, s) = (x.maximum(-limit).minimum(limit), x.sigmoid());
                s * (T::ONE + x * (T::ONE - s))
            }),
        );
        self.push_unary(
            Elementwise::new("silu", "x / (1 + exp(-x))", Saved::FIRST, value, slope),
            x,
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        let reference = |v: f64| v / (1.0 + (-v).exp());
        check_unary(both_precisions!(|g, x| Ok(g.silu(x[0]))), reference, -4.0..4.0);
    }

    #[test]
    fn limits_are_reached_and_nan_passes_through() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.silu(x), &x), [0.0, 0.0, 0.0, 1e4, f32::INFINITY]);
        assert_eq!(gradient_f32(|g, x| g.silu(x), &x), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert!(forward_f32(|g, x| g.silu(x), &[f32::NAN])[0].is_nan());
        assert!(gradient_f32(|g, x| g.silu(x), &[f32::NAN])[0].is_nan());
    }
}
