//! AdamW: [Adam](super::adam) with decoupled weight decay, `w ← (1 − η·λ)·w − η·m̂ / (√v̂ + ε)`.
//!
//! Adam's division does not weaken the decay where gradients are large. It is multiplied by the
//! learning rate, as in PyTorch; the paper multiplies it by the schedule's factor alone.
//! Weights decay; biases, scales and offsets only with `decay_all`, as every parameter does in PyTorch unless it is
//! put into a group of its own.
//! Source: Loshchilov, Hutter (ICLR 2019), "Decoupled weight decay regularization".

use super::{
    adam::{Adam, moments_formula},
    *,
};

settings! {
    /// Adaptive moments with weight decay. See the [module docs](self) for the formula.
    pub struct AdamW {
        /// `β₁` in `[0, 1)`, share of the average gradient kept in each step.
        beta1: f64 = 0.9, fraction;
        /// `β₂` in `[0, 1)`, share of the average square kept in each step.
        beta2: f64 = 0.999, fraction;
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-8, positive;
        /// `λ`, at least 0 and per unit of the learning rate: a step multiplies the parameters by `1 − η·λ`.
        weight_decay: f64 = 0.01, not_negative;
        /// Whether biases, scales and offsets decay too.
        decay_all: bool = false;
    }
}

impl<T: Float> Optimize<T> for AdamW {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        let shrink = step.shrink(self.weight_decay, self.decay_all);
        let Self { beta1, beta2, epsilon, .. } = *self;
        Adam { beta1, beta2, epsilon }.update_shrunk(shrink, step, params, grads, state);
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = moments_formula(step, [self.beta1, self.beta2]).with("epsilon", self.epsilon);
        let decay = step.decay(self.weight_decay, self.decay_all);
        Some(formula.descend(decay, "rate * m_hat / (sqrt(v_hat) + epsilon)"))
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::first_step, *};

    #[test]
    fn the_decay_does_not_depend_on_the_gradient() {
        let adamw = AdamW { weight_decay: 0.5, ..AdamW::default() };
        let [none, large] = first_step(&adamw, &StepInfo::new(0.1, 1), [2.0f64; 2], [0.0, 1e3]);
        assert!((none - 1.9).abs() < 1e-12, "no gradient: {none}");
        assert!((large - 1.8).abs() < 1e-10, "large gradient: {large}");
    }
}
