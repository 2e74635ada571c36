//! Leaky rectified linear unit, `y = x` where `x > 0`, else `slope · x`.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy` where `x > 0`, else `slope · dL/dy`. At the kink it is that of the left side,
//! so that a slope of 0 gives [`relu`](super::relu).
//! Source: Maas, Hannun, Ng (ICML 2013), "Rectifier nonlinearities improve neural network acoustic
//! models".

use kernels::inlined;

use crate::op::{BackwardPass, Choices, ForwardPass, Op, Saved};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `x` where `x > 0`, else `slope · x`, elementwise. See the [module docs](self).
    ///
    /// | name    | usual | unit | range    |
    /// |---------|-------|------|----------|
    /// | `slope` | 0.01  | 1    | `[0, ∞)` |
    ///
    /// # Errors
    ///
    /// [`ShapeError::Rule`] if the slope is negative or not finite.
    pub fn leaky_relu(&mut self, x: NodeId, slope: f64) -> Result<NodeId, ShapeError> {
        self.push(LeakyReluOp { slope }, &[x])
    }
}

#[derive(Debug)]
struct LeakyReluOp {
    slope: f64,
}

impl<T: Float> Op<T> for LeakyReluOp {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        if !(0.0..f64::INFINITY).contains(&self.slope) {
            let rule = format!("expected a slope from 0 on, got {}", self.slope);
            return Err(ShapeError::Rule { op: "leaky_relu", rule, found: operands[0].clone() });
        }
        Ok(operands[0].clone())
    }

    /// No slope is negative, so `y > 0` where `x > 0`, and the buffer of `x` is free.
    fn saved(&self, _operand: usize) -> Saved {
        Saved::RESULT
    }

    fn in_place(&self) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let slope = T::from_f64(self.slope);
        pass.map(inlined!(|x| if x > T::ZERO { x } else { slope * x }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let slope = T::from_f64(self.slope);
        pass.map_result(inlined!(|y| if y > T::ZERO { T::ONE } else { slope }));
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        choices.add_signs(pass.x[0]);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};
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
    fn gradient_at_zero_is_the_slope() {
        assert_eq!(gradient_f32(tenth, &[-1.0, -0.0, 0.0, 1.0]), [0.1, 0.1, 0.1, 1.0]);
    }

    #[test]
    fn infinity_and_nan_pass_through() {
        let y = forward_f32(tenth, &[f32::NEG_INFINITY, f32::INFINITY, f32::NAN]);
        assert_eq!(y[..2], [f32::NEG_INFINITY, f32::INFINITY]);
        assert!(y[2].is_nan());
    }

    #[test]
    fn a_slope_that_is_negative_or_no_number_is_refused() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", [3]);
        let error = g.leaky_relu(x, -0.1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "leaky_relu: expected a slope from 0 on, got -0.1, found [3]"
        );
        assert!(g.leaky_relu(x, f64::NAN).is_err() && g.leaky_relu(x, f64::INFINITY).is_err());
    }
}
