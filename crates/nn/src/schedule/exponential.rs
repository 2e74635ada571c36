//! Exponential decay to a floor: `floor + amplitude · e^(−step / decay_steps)`.
//!
//! Source: the scripts of "TensorFlow and deep learning, without a PhD".

use kernels::Float;
use serde::{Deserialize, Serialize};

use super::LearningRate;
use crate::registry::{InvalidSetting, Validate, not_negative, positive};

/// A learning rate that falls exponentially towards a floor, from `floor + amplitude`.
///
/// | setting       | default | unit     | range      | meaning                                 |
/// |---------------|---------|----------|------------|-----------------------------------------|
/// | `floor`       | 0.0001  | per step | at least 0 | the rate in the end                     |
/// | `amplitude`   | 0.003   | per step | above 0    | how far above the floor the rate begins |
/// | `decay_steps` | 2000    | steps    | above 0    | until `1/e` of the amplitude is left    |
///
/// The defaults are those of the codelab's scripts 2.1 to 3.1. Its script 4.2 runs with an amplitude
/// of 0.02 and 1600 steps; its comment names other values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExponentialDecay {
    /// The rate in the end.
    pub floor: f64,
    /// How far above the floor the rate begins.
    pub amplitude: f64,
    /// The steps until `1/e` of the amplitude is left.
    pub decay_steps: u64,
}

impl Default for ExponentialDecay {
    fn default() -> Self {
        Self { floor: 0.0001, amplitude: 0.003, decay_steps: 2000 }
    }
}

impl Validate for ExponentialDecay {
    fn validate(&self) -> Result<(), InvalidSetting> {
        not_negative("floor", self.floor)?;
        positive("amplitude", self.amplitude)?;
        positive("decay_steps", self.decay_steps as f64)
    }
}

impl LearningRate for ExponentialDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        self.floor + self.amplitude * Float::exp(-(step as f64 / self.decay_steps as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g28_the_codelabs_rates() {
        for (step, want) in [(0, 0.0031), (2000, 0.00120364), (10_000, 0.00012021)] {
            let rate = ExponentialDecay::default().learning_rate(step);
            // The published numbers have eight decimals.
            assert!((rate - want).abs() < 0.5e-8, "step {step}: {rate}, expected {want}");
        }
    }

    #[test]
    fn ends_at_the_floor() {
        assert_eq!(ExponentialDecay::default().learning_rate(u64::MAX), 0.0001);
    }
}
