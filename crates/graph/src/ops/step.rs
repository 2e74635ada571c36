//! Unit step, `y = 1` where `x > 0`, else 0: the perceptron's activation.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise). At 0 the result is 0, and so it is for NaN.
//! Gradient: 0 everywhere, at the jump too. Nothing is learned through a step.
//! Source: Rosenblatt (1958), "The perceptron: a probabilistic model for information storage and
//! organization in the brain".

use kernels::inlined;

use crate::op::{BackwardPass, Choices, ElementFormula, ForwardPass, Op, ResultElement};
use crate::{Float, Graph, NodeId};

impl<T: Float> Graph<T> {
    /// Adds 1 where `x > 0`, else 0, elementwise. See the [module docs](self).
    pub fn step(&mut self, x: NodeId) -> NodeId {
        self.push_unary(StepOp, x)
    }
}

struct StepOp;

impl<T: Float> Op<T> for StepOp {
    fn name(&self) -> &'static str {
        "step"
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        Some(ElementFormula::elementwise("step(x)", &["x"], of))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(inlined!(|x| if x > T::ZERO { T::ONE } else { T::ZERO }));
    }

    fn backward(&self, _pass: BackwardPass<'_, T>) {}

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        choices.add_sides(pass.x[0], T::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, forward_f32, gradient_f32, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 5 7", "N", "3 1", ""] {
            check_op(OpCase {
                build: both_precisions!(|g, x| Ok(g.step(x[0]))),
                reference: |x| x[0].map(|v| if v > 0.0 { 1.0 } else { 0.0 }),
                inputs: &[uniform(shape, -2.0..2.0).with_zero_gradient()],
            });
        }
    }

    #[test]
    fn jump_and_nan_give_zero_and_infinities_are_on_their_sides() {
        assert_eq!(forward_f32(|g, x| g.step(x), &[0.0, -0.0, f32::MIN_POSITIVE]), [0.0, 0.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.step(x), &[0.0, -0.0, 5.0]), [0.0; 3]);
        let x = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN];
        assert_eq!(forward_f32(|g, x| g.step(x), &x), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn g21_step_of_minus_one_one_two() {
        assert_eq!(forward_f32(|g, x| g.step(x), &[-1.0, 1.0, 2.0]), [0.0, 1.0, 1.0]);
    }
}
