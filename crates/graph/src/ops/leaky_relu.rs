//! Leaky rectified linear unit, `y = x` where `x > 0`, else `slope · x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, else `slope · dL/dy`, at the kink too, as in [`relu`](super::relu).
//! Source: Maas, Hannun, Ng (ICML 2013), "Rectifier nonlinearities improve neural network acoustic
//! models".

use kernels::inlined;

use crate::elementwise::Elementwise;
use crate::op::{Attributes, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `x` where `x > 0`, else `slope · x`, elementwise. See the [module docs](self).
    ///
    /// | name    | usual | unit | range    |
    /// |---------|-------|------|----------|
    /// | `slope` | 0.01  | 1    | `[0, ∞)` |
    ///
    /// # Errors
    ///
    /// If the slope is negative or not finite.
    pub fn leaky_relu(&mut self, x: NodeId, slope: f64) -> Result<NodeId, ShapeError> {
        if !(0.0..f64::INFINITY).contains(&slope) {
            let rule = format!("expected a slope from 0 on, got {slope}");
            return Err(ShapeError::new("leaky_relu", rule, self.operand("leaky_relu", x)?));
        }
        let left = T::from_f64(slope);
        let formula = format!("max(x, 0) + {slope} * min(x, 0)");
        let attributes = Attributes::default().with_number("slope", slope);
        let (value, slope) = (
            inlined!(move |x: T| (if x > T::ZERO { x } else { left * x }).written()),
            inlined!(move |y| if y > T::ZERO { T::ONE } else { left }),
        );
        // No slope is negative, so `y > 0` where `x > 0`, and the buffer of `x` is free.
        let op = Elementwise::new("leaky_relu", formula, Saved::RESULT, value, slope)
            .with_kinks(&[0.0])
            .with_attributes(attributes);
        self.push(op, &[x])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, refusal, uniform,
    };
    use crate::{Graph, NodeId};

    fn tenth(g: &mut Graph<f32>, x: NodeId) -> NodeId {
        g.leaky_relu(x, 0.1).unwrap()
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for slope in [0.0, 0.01, 1.0, 3.0] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.leaky_relu(x[0], slope)),
                reference: |x| x[0].map(|v| if v > 0.0 { v } else { slope * v }),
                inputs: &[uniform("N 5 7", -2.0..2.0)],
            });
        }
    }

    #[test]
    fn gradient_at_zero_is_the_slope_and_infinity_and_nan_pass_through() {
        assert_eq!(gradient_f32(tenth, &[-1.0, -0.0, 0.0, 1.0]), [0.1, 0.1, 0.1, 1.0]);
        let y = forward_f32(tenth, &[f32::NEG_INFINITY, f32::INFINITY, f32::NAN]);
        assert_eq!(y[..2], [f32::NEG_INFINITY, f32::INFINITY]);
        assert!(y[2].is_nan());
    }

    #[test]
    fn a_slope_that_is_negative_or_no_number_is_refused() {
        for slope in [-0.1, f64::NAN, f64::INFINITY] {
            let error = refusal(&["3"], |g, x| g.leaky_relu(x[0], slope));
            let want = format!("leaky_relu: expected a slope from 0 on, got {slope}, found [3]");
            assert_eq!(error, want);
        }
    }
}
