//! AdamW: [Adam](super::adam) with decoupled weight decay, `w ← (1 − η·λ)·w − η·m̂ / (√v̂ + ε)`.
//!
//! The decay acts on the parameters themselves and not through the gradient, so Adam's division
//! does not weaken it where gradients are large. It is multiplied by the learning rate, as in
//! PyTorch; the paper multiplies it by the schedule's factor alone.
//! All parameters decay alike, biases too: a caller who wants other rules gives it other pieces.
//! Source: Loshchilov, Hutter (ICLR 2019), "Decoupled weight decay regularization".

use kernels::Float;
use serde::{Deserialize, Serialize};

use super::{Optimize, StepInfo, adam::Adam};
use crate::registry::{InvalidSetting, Validate, not_negative};

/// Adaptive moments with weight decay. See the [module docs](self) for the formula.
///
/// | setting        | default | unit        | range      | meaning                                |
/// |----------------|---------|-------------|------------|----------------------------------------|
/// | `beta1`        | 0.9     | 1           | `[0, 1)`   | `β₁`, share of `m` kept in each step   |
/// | `beta2`        | 0.999   | 1           | `[0, 1)`   | `β₂`, share of `v` kept in each step   |
/// | `epsilon`      | 1e-8    | of gradient | above 0    | added to the root                      |
/// | `weight_decay` | 0.01    | 1/rate      | at least 0 | `λ`, the share of `w` that decays      |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    /// `β₁`, share of the average gradient kept in each step.
    pub beta1: f64,
    /// `β₂`, share of the average square kept in each step.
    pub beta2: f64,
    /// Added to the root, against a division by zero.
    pub epsilon: f64,
    /// `λ`: a step multiplies the parameters by `1 − η·λ`.
    pub weight_decay: f64,
}

impl AdamW {
    fn adam(&self) -> Adam {
        Adam { beta1: self.beta1, beta2: self.beta2, epsilon: self.epsilon }
    }
}

impl Default for AdamW {
    fn default() -> Self {
        let Adam { beta1, beta2, epsilon } = Adam::default();
        Self { beta1, beta2, epsilon, weight_decay: 0.01 }
    }
}

impl Validate for AdamW {
    fn validate(&self) -> Result<(), InvalidSetting> {
        self.adam().validate()?;
        not_negative("weight_decay", self.weight_decay)
    }
}

impl<T: Float> Optimize<T> for AdamW {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: [&mut [T]; 2]) {
        let shrink = 1.0 - step.learning_rate * self.weight_decay;
        self.adam().update_shrunk(shrink, step, params, grads, state);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_formula;
    use super::*;

    #[test]
    fn follows_its_formula_in_any_pieces() {
        check_formula(&AdamW::default(), |info, w, g, [m, v]| {
            let (rate, t) = (info.learning_rate, info.step as i32);
            *m = 0.9 * *m + (1.0 - 0.9) * g;
            *v = 0.999 * *v + (1.0 - 0.999) * g.powi(2);
            let (m_hat, v_hat) = (*m / (1.0 - 0.9f64.powi(t)), *v / (1.0 - 0.999f64.powi(t)));
            w - rate * (m_hat / (v_hat.sqrt() + 1e-8) + 0.01 * w)
        });
    }

    #[test]
    fn the_decay_does_not_depend_on_the_gradient() {
        let info = StepInfo { learning_rate: 0.1, step: 1 };
        let (mut w, mut m, mut v) = ([2.0, 2.0], [0.0; 2], [0.0; 2]);
        AdamW { weight_decay: 0.5, ..AdamW::default() }.update(
            &info,
            &mut w,
            &[0.0, 1e3],
            [&mut m, &mut v],
        );
        assert!((w[0] - 1.9f64).abs() < 1e-12, "no gradient: {}", w[0]);
        assert!((w[1] - 1.8f64).abs() < 1e-10, "large gradient: {}", w[1]);
    }
}
