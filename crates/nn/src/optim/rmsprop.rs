//! RMSprop: `h ← ρ·h + (1 − ρ)·g²`, `w ← w − η·g / (√h + ε)`.
//!
//! [AdaGrad](super::adagrad) with a moving average in place of the sum. Epsilon stands outside the root, as in
//! "Deep Learning from Scratch" (with 1e-7) and PyTorch; TensorFlow 1 has it under the root, where 1e-8 acts like our 1e-4
//! on parameters without gradient. Without bias correction, the first step is `1 / √(1 − ρ)` times as long as later ones.
//! Source: Tieleman, Hinton (2012), "Neural networks for machine learning", lecture 6e.

use super::*;

settings! {
    /// Descent by gradients over their recent size. See the [module docs](self) for the formula.
    pub struct RmsProp {
        /// `ρ` in `[0, 1)`, share of the average of squares kept in each step.
        decay: f64 = 0.99, fraction;
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-8, positive;
    }
}

impl<T: Float> Optimize<T> for RmsProp {
    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [squares, ..]: OptimizerState<'_, T>,
    ) {
        let (decay, fresh) = (T::from_f64(self.decay), T::from_f64(1.0 - self.decay));
        let (rate, epsilon) = (T::from_f64(step.learning_rate), T::from_f64(self.epsilon));
        Pieces { params, grads, state: squares }.update_each(inlined!(|w, g, h| {
            *h = decay * *h + fresh * g * g;
            *w -= rate * g / (h.sqrt() + epsilon);
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["h"]);
        let formula = formula.with("decay", self.decay).with("epsilon", self.epsilon);
        let formula = formula.line("h", "decay * h + (1 - decay) * g ^ 2");
        Some(formula.line("w", "w - rate * g / (sqrt(h) + epsilon)"))
    }
}
