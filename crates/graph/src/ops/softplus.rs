//! Softplus, `y = ln(1 + eˣ)`: a smooth stand-in for ReLU.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · sigmoid(x)`. Smooth everywhere: no kink, nothing to choose.
//! Source: Dugas et al. (NIPS 2000), "Incorporating second-order functional knowledge for better option
//! pricing".

use kernels::{inlined, vectorize};

use crate::op::{BackwardPass, ElementFormula, ForwardPass, Op, ResultElement, Saved};
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds `ln(1 + eˣ)`, elementwise. See the [module docs](self).
    pub fn softplus(&mut self, x: NodeId) -> NodeId {
        self.push_unary(SoftplusOp, x)
    }
}

struct SoftplusOp;

impl<T: Float> Op<T> for SoftplusOp {
    fn name(&self) -> &'static str {
        "softplus"
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        Some(ElementFormula::elementwise("max(x, 0) + ln(1 + exp(-abs(x)))", &["x"], of))
    }

    /// `max(x, 0) + ln(1 + e^-|x|)`: the exponent is never positive, so nothing overflows.
    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y) = (pass.x[0], pass.y);
        // A loop for each function is five times as fast as one for both, which the compiler does not vectorize.
        vectorize(inlined!(|| y.iter_mut().zip(x).for_each(|(y, &x)| *y = (-x.abs()).exp())));
        vectorize(inlined!(|| y
            .iter_mut()
            .zip(x)
            .for_each(|(y, &x)| *y = x.maximum(T::ZERO) + y.ln_1p())));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.map(inlined!(|x| x.sigmoid()));
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        check_unary(
            both_precisions!(|g, x| Ok(g.softplus(x[0]))),
            |v| (1.0 + v.exp()).ln(),
            -4.0..4.0,
        );
    }

    #[test]
    fn stays_finite_far_from_zero() {
        let x = [f32::NEG_INFINITY, -1e4, 1e4, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.softplus(x), &x), [0.0, 0.0, 1e4, f32::INFINITY]);
        assert_eq!(gradient_f32(|g, x| g.softplus(x), &x), [0.0, 0.0, 1.0, 1.0]);
        assert!(forward_f32(|g, x| g.softplus(x), &[f32::NAN])[0].is_nan());
    }
}
