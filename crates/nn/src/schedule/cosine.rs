//! Half a cosine wave: `end + (start − end) · (1 + cos(π · step / steps)) / 2`, then `end`.
//!
//! Source: Loshchilov, Hutter (ICLR 2017), "SGDR: stochastic gradient descent with warm restarts",
//! equation 5, without the restarts.

use kernels::Float;
use serde::{Deserialize, Serialize};

use super::LearningRate;
use crate::registry::{InvalidSetting, Validate, not_negative, positive};

/// A learning rate that goes from one value to another along half a cosine wave, and stays there.
///
/// | setting | default | unit     | range      | meaning                       |
/// |---------|---------|----------|------------|-------------------------------|
/// | `start` | 0.01    | per step | above 0    | the rate of the first step    |
/// | `end`   | 0       | per step | at least 0 | the rate from step `steps` on |
/// | `steps` | 10000   | steps    | above 0    | the steps from `start` to `end` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineDecay {
    /// The rate of the first step.
    pub start: f64,
    /// The rate from step `steps` on.
    pub end: f64,
    /// The steps from `start` to `end`.
    pub steps: u64,
}

impl Default for CosineDecay {
    fn default() -> Self {
        Self { start: 0.01, end: 0.0, steps: 10_000 }
    }
}

impl Validate for CosineDecay {
    fn validate(&self) -> Result<(), InvalidSetting> {
        positive("start", self.start)?;
        not_negative("end", self.end)?;
        positive("steps", self.steps as f64)
    }
}

impl LearningRate for CosineDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.end;
        }
        let angle = std::f64::consts::PI * (step as f64 / self.steps as f64);
        self.end + (self.start - self.end) * 0.5 * (1.0 + Float::cos(angle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_from_start_to_end_and_stays() {
        let schedule = CosineDecay { start: 0.5, end: 0.1, steps: 100 };
        // A third of the way is 60 degrees, whose cosine is 1/2.
        let thirds = CosineDecay { steps: 99, ..schedule };
        let cases = [(0, 0.5), (50, 0.3), (100, 0.1), (101, 0.1), (u64::MAX, 0.1)];
        for (step, want) in cases {
            let rate = schedule.learning_rate(step);
            assert!((rate - want).abs() < 1e-15, "step {step}: {rate}, expected {want}");
        }
        assert!((thirds.learning_rate(33) - 0.4).abs() < 1e-15);
        assert!((thirds.learning_rate(66) - 0.2).abs() < 1e-15);
    }

    #[test]
    fn the_last_rate_of_a_hundred_steps_from_a_half_is_small_and_not_zero() {
        let schedule = CosineDecay { start: 0.5, end: 0.0, steps: 100 };
        assert!((schedule.learning_rate(99) - 1.2336e-4).abs() < 1e-8);
    }
}
