//! Lion: steps of one size, `w ← (1 − η·λ)·w − η·sign(β₁·m + (1 − β₁)·g)`, then `m ← β₂·m + (1 − β₂)·g`.
//!
//! The sign of 0 is 0. Since every parameter moves by `η`, rates are 3 to 10 times smaller than those of
//! [AdamW](super::adamw), and useful decays as many times larger.
//! Source: Chen et al. (NeurIPS 2023), "Symbolic discovery of optimization algorithms", program 1.

use super::{adam::FINE, *};

settings! {
    /// Descent by signs, with momentum. See the [module docs](self) for the formula.
    pub struct Lion {
        /// `β₁` in `[0, 1)`, share of the average gradient in the direction of the step.
        beta1: f64 = 0.9, fraction;
        /// `β₂` in `[0, 1)`, share of the average gradient kept in each step.
        beta2: f64 = 0.99, fraction;
        /// `λ`, at least 0 and per unit of the learning rate: a step multiplies the weights by `1 − η·λ`.
        weight_decay: f64 = 0.0, not_negative;
        /// Whether biases, scales and offsets decay too.
        decay_all: bool = false;
    }
}

impl<T: Float> Optimize<T> for Lion {
    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [means, ..]: OptimizerState<'_, T>,
    ) {
        let betas = [step.momentum.unwrap_or(self.beta1), self.beta2];
        let [beta1, beta2] = betas.map(T::from_f64);
        let [fresh1, fresh2] = betas.map(|beta| T::from_f64(1.0 - beta));
        let shrink = T::from_f64(step.shrink(self.weight_decay, self.decay_all));
        let (rate, fine) = (T::from_f64(step.learning_rate), T::from_f64(FINE));
        Pieces { params, grads, state: means }.update_each(inlined!(|w, g, m| {
            let direction = beta1 * *m + fresh1 * g;
            let zero_or_up = if direction > T::ZERO { rate } else { T::ZERO };
            let change = if direction < T::ZERO { -rate } else { zero_or_up };
            *w = shrink * *w - change;
            // A mean of an old gradient becomes 0 at last; before it would be subnormal and slow.
            *m = (beta2 * *m + fresh2 * g + fine) - fine;
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["m"]);
        let beta1 = step.momentum.unwrap_or(self.beta1);
        let formula = formula.with("beta1", beta1).with("beta2", self.beta2);
        let formula = formula.line("direction", "beta1 * m + (1 - beta1) * g");
        let formula = formula.line("m", "beta2 * m + (1 - beta2) * g");
        let decay = step.decay(self.weight_decay, self.decay_all);
        Some(formula.descend(decay, "rate * (step(direction) - step(-direction))"))
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::first_step, *};

    #[test]
    fn every_step_has_the_size_of_the_learning_rate_or_none() {
        let grads = [1e-12f32, -1e-12, 3.0, -1e9, 0.0];
        let first = first_step(&Lion::default(), &StepInfo::new(0.25, 1), [1.0; 5], grads);
        assert_eq!(first, [0.75, 1.25, 0.75, 1.25, 1.0]);
    }
}
