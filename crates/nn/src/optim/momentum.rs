//! Gradient descent with momentum: `v ← µ·v − η·g`, `w ← w + v`.
//!
//! A change of rate takes hold gradually; libraries that keep `v ← µ·v + g` and step by `η·v` agree
//! with this form as long as the rate is constant.
//! Source: Polyak (1964), "Some methods of speeding up the convergence of iteration methods", in the
//! form of "Deep Learning from Scratch", section 6.1.4.

use super::*;

settings! {
    /// Descent by a velocity. See the [module docs](self) for the formula.
    pub struct Momentum {
        /// `µ` in `[0, 1)`, share of the velocity kept in each step.
        momentum: f64 = 0.9, fraction;
    }
}

impl<T: Float> Optimize<T> for Momentum {
    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [velocity, ..]: OptimizerState<'_, T>,
    ) {
        let momentum = T::from_f64(step.momentum.unwrap_or(self.momentum));
        let rate = T::from_f64(step.learning_rate);
        Pieces { params, grads, state: velocity }.update_each(inlined!(|w, g, v| {
            *v = momentum * *v - rate * g;
            *w += *v;
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["v"]);
        let formula = formula.with("momentum", step.momentum.unwrap_or(self.momentum));
        Some(formula.line("v", "momentum * v - rate * g").line("w", "w + v"))
    }
}
