//! Mish, `y = x · tanh(ln(1 + eˣ))`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: with `t = tanh(ln(1 + eˣ))`: `dL/dx = dL/dy · (t + x · sigmoid(x) · (1 − t²))`.
//! Source: Misra (BMVC 2020), "Mish: a self regularized non-monotonic activation function".

use kernels::inlined;

use super::silu::SATURATED;
use crate::elementwise::Elementwise;
use crate::op::Saved;
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `x · tanh(ln(1 + eˣ))`, elementwise. See the [module docs](self).
    pub fn mish(&mut self, x: NodeId) -> NodeId {
        let limit = T::from_f64(SATURATED);
        let (value, slope) = (
            inlined!(move |x: T| {
                let [numerator, denominator, _] = tanh_of_softplus(x);
                x.maximum(-limit) * (numerator / denominator)
            }),
            inlined!(move |x: T| {
                let [n, d, derivative] = tanh_of_softplus(x);
                let x = x.maximum(-limit).minimum(limit);
                // `1 − t² = (d − n)(d + n) / d²`, and the derivative has the first factor.
                n / d + x * derivative * ((d + n) / (d * d))
            }),
        );
        self.push_unary(
            Elementwise::new("mish", "x * tanh(ln(1 + exp(x)))", Saved::FIRST, value, slope),
            x,
        )
    }
}

/// `n` and `d` with `tanh(ln(1 + eˣ)) = n / d`, and `(d − n) · sigmoid(x)`. With `p = eˣ` the fraction is
/// `(p² + 2p) / (p² + 2p + 2)`, and right of 0 that of `1/p`, so that nothing overflows and no digit cancels.
#[inline(always)]
fn tanh_of_softplus<T: Float>(x: T) -> [T; 3] {
    let two = T::from_f64(2.0);
    let p = (-x.abs()).exp();
    let square = p * p;
    // Each is a choice between numbers that are there, not between two branches: so a loop becomes vector code.
    let is_right = x > T::ZERO;
    let n = two * p + if is_right { T::ONE } else { square };
    let difference = two * if is_right { square } else { T::ONE };
    let sigmoid = if is_right { T::ONE } else { p } / (T::ONE + p);
    [n, n + difference, difference * sigmoid]
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        let reference = |v: f64| v * v.exp().ln_1p().tanh();
        check_unary(both_precisions!(|g, x| Ok(g.mish(x[0]))), reference, -3.0..5.0);
    }

    #[test]
    fn limits_are_reached_and_nan_passes_through() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.mish(x), &x), [0.0, 0.0, 0.0, 1e4, f32::INFINITY]);
        assert_eq!(gradient_f32(|g, x| g.mish(x), &x), [0.0, 0.0, 0.6, 1.0, 1.0]);
        assert!(forward_f32(|g, x| g.mish(x), &[f32::NAN])[0].is_nan());
        assert!(gradient_f32(|g, x| g.mish(x), &[f32::NAN])[0].is_nan());
    }
}
