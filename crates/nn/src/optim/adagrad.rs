//! AdaGrad: `h ← h + g²`, `w ← w − η·g / (√h + ε)`.
//!
//! Each parameter has its own rate, which falls as its gradients add up and never rises again.
//! Epsilon stands outside the root, as in "Deep Learning from Scratch", and only prevents 0 / 0.
//! Source: Duchi, Hazan, Singer (JMLR 2011), "Adaptive subgradient methods for online learning and
//! stochastic optimization", with diagonal matrices; "Deep Learning from Scratch", section 6.1.5.

use super::*;

settings! {
    /// Descent with a falling rate per parameter. See the [module docs](self) for the formula.
    pub struct AdaGrad {
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-7, positive;
    }
}

impl<T: Float> Optimize<T> for AdaGrad {
    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [squares, ..]: OptimizerState<'_, T>,
    ) {
        let (rate, epsilon) = (T::from_f64(step.learning_rate), T::from_f64(self.epsilon));
        Pieces { params, grads, state: squares }.update_each(inlined!(|w, g, h| {
            *h += g * g;
            *w -= rate * g / (h.sqrt() + epsilon);
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["h"]).with("epsilon", self.epsilon);
        Some(formula.line("h", "h + g ^ 2").line("w", "w - rate * g / (sqrt(h) + epsilon)"))
    }
}
