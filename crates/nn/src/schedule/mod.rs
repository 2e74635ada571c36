//! Schedules: the learning rate of each step.

pub mod constant;
pub mod cosine;
pub mod exponential;
pub mod step;
pub mod warmup;

// What the files of schedules take by `use super::*`.
use kernels::Float;

use crate::registry::{not_negative, one_or_more, positive, registry};
use crate::settings;

registry! {
    /// A schedule chosen by name.
    pub enum Schedule: dyn LearningRate {
        constant::ConstantRate,
        step::StepDecay,
        exponential::ExponentialDecay,
        cosine::CosineDecay,
        warmup::Warmup,
    }
}

/// The rule of a schedule.
pub trait LearningRate {
    /// The learning rate after `step` updates: 0 before the first.
    fn learning_rate(&self, step: u64) -> f64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Validate as _;

    #[test]
    fn every_default_is_valid_and_gives_finite_rates_for_ever() {
        for name in Schedule::NAMES {
            let schedule = toml::from_str::<Schedule>(&format!("{name} = {{}}")).unwrap();
            assert_eq!(schedule.validate(), Ok(()), "{name}");
            for step in [0, 1, 499, 500, 10_000, u64::MAX] {
                let rate = schedule.as_dyn().learning_rate(step);
                assert!((0.0..1.0).contains(&rate), "{name} at {step}: {rate}");
            }
        }
    }
}
