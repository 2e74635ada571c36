//! Step decay: `start · factor^⌊step / every⌋`.

use kernels::Float;
use serde::{Deserialize, Serialize};

use super::LearningRate;
use crate::registry::{InvalidSetting, Validate, positive};

/// A learning rate multiplied by a factor every so many steps.
///
/// | setting  | default | unit     | range   | meaning                             |
/// |----------|---------|----------|---------|-------------------------------------|
/// | `start`  | 0.01    | per step | above 0 | the rate of the first `every` steps |
/// | `factor` | 0.5     | 1        | above 0 | factor of each reduction            |
/// | `every`  | 1000    | steps    | above 0 | steps between reductions            |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepDecay {
    /// The rate of the first `every` steps.
    pub start: f64,
    /// The factor of each reduction.
    pub factor: f64,
    /// Steps between reductions.
    pub every: u64,
}

impl Default for StepDecay {
    fn default() -> Self {
        Self { start: 0.01, factor: 0.5, every: 1000 }
    }
}

impl Validate for StepDecay {
    fn validate(&self) -> Result<(), InvalidSetting> {
        positive("start", self.start)?;
        positive("factor", self.factor)?;
        positive("every", self.every as f64)
    }
}

impl LearningRate for StepDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        self.start * Float::powf(self.factor, (step / self.every) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_every_so_many_steps_and_only_then() {
        let schedule = StepDecay { start: 0.8, factor: 0.5, every: 10 };
        let rates = [0, 9, 10, 19, 20, 35].map(|step| schedule.learning_rate(step));
        assert_eq!(rates, [0.8, 0.8, 0.4, 0.4, 0.2, 0.1]);
    }
}
