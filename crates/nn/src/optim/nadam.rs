//! NAdam: [Adam](super::adam) with the momentum of [Nesterov](super::nesterov), taken one step ahead.
//!
//! `w ← w − η·((1 − µ_t)·g / (1 − Π_t) + µ_{t+1}·m / (1 − Π_t·µ_{t+1})) / (√v̂ + ε)`
//!
//! `m` and `v̂` are Adam's. The momentum rises to `β₁`: `µ_t = β₁·(1 − ½·0.96^(t·ψ))`, and `Π_t = µ_1·…·µ_t` corrects for
//! a mean that began at 0.
//! Source: Dozat (2016), "Incorporating Nesterov momentum into Adam", in the form and with the `ψ` of PyTorch
//! and Sutskever et al. (ICML 2013).

use super::{
    adam::{Moments, moments_formula},
    *,
};

settings! {
    /// Adaptive moments with Nesterov's momentum. See the [module docs](self) for the formula.
    pub struct NAdam {
        /// `β₁` in `[0, 1)`, share of the average gradient kept in each step.
        beta1: f64 = 0.9, fraction;
        /// `β₂` in `[0, 1)`, share of the average square kept in each step.
        beta2: f64 = 0.999, fraction;
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-8, positive;
        /// `ψ`, at least 0: how fast the momentum rises from half of `β₁`; 0 leaves it there.
        momentum_decay: f64 = 0.004, not_negative;
    }
}

/// The base of the momentum's schedule.
const BASE: f64 = 0.96;

impl<T: Float> Optimize<T> for NAdam {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        let (beta1, [now, next]) = self.momenta(step);
        let moments = Moments::new(step, [beta1, self.beta2]);
        let product = self.momentum_product(beta1, step.step);
        let of_gradient = T::from_f64(step.learning_rate * (1.0 - now) / (1.0 - product));
        let of_mean = T::from_f64(step.learning_rate * next / (1.0 - product * next));
        let epsilon = T::from_f64(self.epsilon);
        moments.update_each(
            params,
            grads,
            state,
            inlined!(|w: &mut T, g, m, root| {
                *w -= (of_gradient * g + of_mean * m) / (root + epsilon);
            }),
        );
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let (beta1, [now, next]) = self.momenta(step);
        let product = self.momentum_product(beta1, step.step);
        let formula = moments_formula(step, [beta1, self.beta2]).with("epsilon", self.epsilon);
        let formula = formula.with("mu", now).with("mu_next", next).with("product", product);
        let mean = "(1 - mu) * g / (1 - product) + mu_next * m / (1 - product * mu_next)";
        let formula = formula.line("ahead", mean);
        Some(formula.descend(None, "rate * ahead / (sqrt(v_hat) + epsilon)"))
    }
}

impl NAdam {
    /// `β₁`, and the momenta of this step and of the one after.
    fn momenta(&self, step: &StepInfo) -> (f64, [f64; 2]) {
        let beta1 = step.momentum.unwrap_or(self.beta1);
        let of_step = |ahead: f64| {
            let exponent = (step.step as f64 + ahead) * self.momentum_decay;
            beta1 * (1.0 - 0.5 * Float::powf(BASE, exponent))
        };
        (beta1, [0.0, 1.0].map(of_step))
    }

    /// `Π_t`, without a factor for each step:
    /// `ln Π_t = t·ln β₁ + Σ_i ln(1 − ½·qⁱ)` with `q = 0.96^ψ`, and the logarithm is `−Σ_k (½·qⁱ)ᵏ / k`.
    fn momentum_product(&self, beta1: f64, t: u64) -> f64 {
        /// Terms of the series: each is less than half the one before.
        const TERMS: i32 = 53;
        /// `e⁻⁴⁰` is nothing beside 1.
        const LEAST: f64 = -40.0;
        let of_beta1 = t as f64 * Float::ln(beta1);
        if of_beta1 < LEAST {
            return 0.0;
        }
        let q = Float::powf(BASE, self.momentum_decay);
        let (mut half, mut q_k, mut sum) = (1.0, 1.0, 0.0);
        for k in 1..=TERMS {
            half *= 0.5;
            q_k *= q;
            // The sum over i of (qᵏ)ⁱ, and (qᵏ)ⁿ, for n made of more and more bits of t.
            let (mut powers, mut last) = (0.0, 1.0);
            for bit in (0..u64::BITS - t.leading_zeros()).rev() {
                powers += last * powers;
                last *= last;
                if t >> bit & 1 == 1 {
                    last *= q_k;
                    powers += last;
                }
            }
            sum -= half / f64::from(k) * powers;
        }
        Float::exp(of_beta1 + sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_all_momenta_is_that_of_its_factors() {
        for momentum_decay in [0.0, 1e-9, 0.004, 1.0, 50.0] {
            for beta1 in [0.0, 0.5, 0.9, 0.999] {
                let nadam = NAdam { beta1, momentum_decay, ..NAdam::default() };
                let mut want = 1.0;
                for t in 1..=2000 {
                    want *= beta1 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * momentum_decay));
                    let found = nadam.momentum_product(beta1, t);
                    // What counts is its distance from 1.
                    let error = (found - want).abs();
                    assert!(error < 1e-13, "ψ {momentum_decay} β₁ {beta1} t {t}: {found}, {want}");
                }
            }
        }
    }

    #[test]
    fn a_step_after_very_many_is_finite() {
        let (mut w, mut m, mut v) = ([1.0f32], [0.5], [0.25]);
        let state = [&mut m[..], &mut v, &mut [], &mut []];
        NAdam::default().update(&StepInfo::new(0.01, u64::MAX), &mut w, &[0.5], state);
        assert!((w[0] - 0.99).abs() < 1e-6, "{w:?}");
    }
}
