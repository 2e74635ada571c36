//! Exponential linear unit, `y = x` where `x > 0`, else `α · (eˣ − 1)`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, else `dL/dy · α · eˣ`, which is `dL/dy · (y + α)`; so too at 0, a kink
//! unless `α = 1`.
//! Source: Clevert, Unterthiner, Hochreiter (ICLR 2016), "Fast and accurate deep network learning by exponential
//! linear units (ELUs)".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::{Attributes, Op, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `x` where `x > 0`, else `alpha · (eˣ − 1)`, elementwise. See the [module docs](self).
    ///
    /// | name    | usual | unit | range    |
    /// |---------|-------|------|----------|
    /// | `alpha` | 1     | 1    | `[0, ∞)` |
    ///
    /// # Errors
    ///
    /// If `alpha` is negative or not finite.
    pub fn elu(&mut self, x: NodeId, alpha: f64) -> Result<NodeId, ShapeError> {
        if !(0.0..f64::INFINITY).contains(&alpha) {
            let rule = format!("expected an alpha from 0 on, got {alpha}");
            return Err(ShapeError::new("elu", rule, self.operand("elu", x)?));
        }
        self.push(scaled("elu", 1.0, alpha), &[x])
    }
}

/// `scale · x` where `x > 0`, else `scale · alpha · (eˣ − 1)`.
pub(super) fn scaled<T: Float>(name: &'static str, scale: f64, alpha: f64) -> impl Op<T> {
    let (right, left) = (T::from_f64(scale), T::from_f64(scale * alpha));
    let (value, slope) = (
        inlined!(move |x: T| if x > T::ZERO { right * x } else { left * x.exp_m1() }),
        inlined!(move |y: T| if y > T::ZERO { right } else { y + left }),
    );
    let formula = format!("{scale} * (max(x, 0) + {alpha} * (exp(min(x, 0)) - 1))");
    // No `alpha` is negative, so `y > 0` where `x > 0`, and the buffer of `x` is free.
    let attributes = Attributes::default().with_number("alpha", alpha).with_number("scale", scale);
    Elementwise::new(name, formula, Saved::RESULT, value, slope)
        .with_kinks(&[0.0])
        .with_attributes(attributes)
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32, refusal};

    #[test]
    fn matches_reference_and_finite_differences() {
        for alpha in [0.5, 1.0, 2.0] {
            let reference = |v: f64| if v > 0.0 { v } else { alpha * v.exp_m1() };
            check_unary(both_precisions!(|g, x| g.elu(x[0], alpha)), reference, -3.0..3.0);
        }
    }

    #[test]
    fn limits_are_reached_and_nan_passes_through() {
        let x = [f32::NEG_INFINITY, -1e4, -1e-10, 0.0, 1e4, f32::INFINITY];
        let y = forward_f32(|g, x| g.elu(x, 2.0).unwrap(), &x);
        assert_eq!(y, [-2.0, -2.0, -2e-10, 0.0, 1e4, f32::INFINITY]);
        let slope = gradient_f32(|g, x| g.elu(x, 2.0).unwrap(), &x);
        assert_eq!(slope, [0.0, 0.0, 2.0, 2.0, 1.0, 1.0]);
        assert!(forward_f32(|g, x| g.elu(x, 1.0).unwrap(), &[f32::NAN])[0].is_nan());
    }

    #[test]
    fn an_alpha_that_is_negative_or_no_number_is_refused() {
        for alpha in [-0.1, f64::NAN, f64::INFINITY] {
            let error = refusal(&["3"], |g, x| g.elu(x[0], alpha));
            assert_eq!(error, format!("elu: expected an alpha from 0 on, got {alpha}, found [3]"));
        }
    }
}
