//! The same learning rate in every step.

use serde::{Deserialize, Serialize};

use super::LearningRate;
use crate::registry::{InvalidSetting, Validate, positive};

/// A learning rate that never changes.
///
/// | setting         | default | unit     | range   | meaning  |
/// |-----------------|---------|----------|---------|----------|
/// | `learning_rate` | 0.01    | per step | above 0 | the rate |
///
/// The default is that of "Deep Learning from Scratch", which takes 0.001 for Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConstantRate {
    /// The rate of every step.
    pub learning_rate: f64,
}

impl Default for ConstantRate {
    fn default() -> Self {
        Self { learning_rate: 0.01 }
    }
}

impl Validate for ConstantRate {
    fn validate(&self) -> Result<(), InvalidSetting> {
        positive("learning_rate", self.learning_rate)
    }
}

impl LearningRate for ConstantRate {
    fn learning_rate(&self, _: u64) -> f64 {
        self.learning_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_changes() {
        let schedule = ConstantRate { learning_rate: 0.5 };
        assert_eq!([0, 1, u64::MAX].map(|step| schedule.learning_rate(step)), [0.5; 3]);
    }
}
