//! RAdam: [Adam](super::adam) that adapts only when it has seen enough squares to do so.
//!
//! With `ρ_∞ = 2 / (1 − β₂) − 1` and `ρ_t = ρ_∞ − 2·t·β₂ᵗ / (1 − β₂ᵗ)`, the length of the average of squares:
//!
//! `w ← w − η·r·m̂ / (√v̂ + ε)` with `r = √((ρ_t − 4)·(ρ_t − 2)·ρ_∞ / ((ρ_∞ − 4)·(ρ_∞ − 2)·ρ_t))` if `ρ_t > 5`,
//! else `w ← w − η·m̂`.
//!
//! The rate needs no warm-up. The limit is 5 as in the authors' code and PyTorch; the paper's is 4, and it has no epsilon.
//! With the default `β₂` the first five steps are those of momentum; with `β₂` up to 2/3 all are.
//! Source: Liu et al. (ICLR 2020), "On the variance of the adaptive learning rate and beyond", algorithm 2.

use super::{
    adam::{Moments, moments_formula},
    *,
};

settings! {
    /// Adaptive moments, rectified. See the [module docs](self) for the formula.
    pub struct RAdam {
        /// `β₁` in `[0, 1)`, share of the average gradient kept in each step.
        beta1: f64 = 0.9, fraction;
        /// `β₂` in `[0, 1)`, share of the average square kept in each step.
        beta2: f64 = 0.999, fraction;
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-8, positive;
    }
}

impl<T: Float> Optimize<T> for RAdam {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        let moments = Moments::new(step, [self.beta1, self.beta2]);
        let rate = step.learning_rate * moments.correction1;
        let Some(rectification) = self.rectification(step.step as f64, moments.correction2) else {
            let rate = T::from_f64(rate);
            return moments.update_each(
                params,
                grads,
                state,
                inlined!(|w: &mut T, _, m, _| {
                    *w -= rate * m;
                }),
            );
        };
        let (rate, epsilon) = (T::from_f64(rate * rectification), T::from_f64(self.epsilon));
        moments.update_each(
            params,
            grads,
            state,
            inlined!(|w: &mut T, _, m, root| {
                *w -= rate * m / (root + epsilon);
            }),
        );
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let betas = [self.beta1, self.beta2];
        let correction2 = Moments::new(step, betas).correction2;
        let formula = moments_formula(step, betas);
        Some(match self.rectification(step.step as f64, correction2) {
            None => formula.descend(None, "rate * m_hat"),
            Some(r) => formula
                .with("epsilon", self.epsilon)
                .with("r", r)
                .descend(None, "rate * r * m_hat / (sqrt(v_hat) + epsilon)"),
        })
    }
}

impl RAdam {
    /// `r` of step `t`, from `1 / (1 − β₂ᵗ)`; none while there are too few squares.
    fn rectification(&self, t: f64, correction2: f64) -> Option<f64> {
        const LEAST: f64 = 5.0;
        let longest = 2.0 / (1.0 - self.beta2) - 1.0;
        let length = longest - 2.0 * t * Float::powf(self.beta2, t) * correction2;
        let product = |length: f64| (length - 4.0) * (length - 2.0) / length;
        (length > LEAST).then(|| Float::sqrt(product(length) / product(longest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rectification_begins_after_five_steps_and_rises_to_one() {
        let radam = RAdam::default();
        let at = |step| {
            let moments = Moments::new(&StepInfo::new(1.0, step), [radam.beta1, radam.beta2]);
            radam.rectification(step as f64, moments.correction2)
        };
        assert!((1..=5).all(|step| at(step).is_none()));
        let rising: Vec<_> = [6, 10, 100, 1000, 10_000].map(|step| at(step).unwrap()).into();
        assert!(rising.is_sorted() && rising[0] > 0.0 && rising[4] < 1.0, "{rising:?}");
        assert_eq!(at(u64::MAX), Some(1.0));
        let short = RAdam { beta2: 0.6, ..radam };
        assert_eq!(short.rectification(1e6, 1.0), None);
    }
}
