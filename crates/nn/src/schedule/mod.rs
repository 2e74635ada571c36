//! Schedules: the learning rate of each step.

pub mod constant;
pub mod cosine;
pub mod exponential;
pub mod step;
pub mod warmup;

// What the files of schedules take by `use super::*`.
use kernels::Float;

use crate::registry::{not_negative, one_or_more, positive};
use crate::{registry, settings};

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
    use super::{step::StepDecay, warmup::Warmup, *};
    use crate::registry::Validate as _;

    fn read(toml: &str) -> Schedule {
        toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
    }

    #[track_caller]
    fn assert_rates(toml: &str, tolerance: f64, rates: &[(u64, f64)]) {
        for &(step, want) in rates {
            let rate = read(toml).as_dyn().learning_rate(step);
            assert!((rate - want).abs() <= tolerance, "{toml} at {step}: {rate}, not {want}");
        }
    }

    #[test]
    fn every_default_is_valid_and_gives_finite_rates_for_ever() {
        for name in Schedule::NAMES {
            let schedule = read(&format!("kind = '{name}'"));
            assert_eq!(schedule.validate(), Ok(()), "{name}");
            for step in [0, 1, 499, 500, 10_000, u64::MAX] {
                let rate = schedule.as_dyn().learning_rate(step);
                assert!((0.0..1.0).contains(&rate), "{name} at {step}: {rate}");
            }
        }
    }

    #[test]
    fn a_constant_rate_never_changes() {
        let toml = "kind = 'constant'\nlearning_rate = 0.5";
        assert_rates(toml, 0.0, &[(0, 0.5), (1, 0.5), (u64::MAX, 0.5)]);
    }

    #[test]
    fn a_rate_of_steps_falls_every_so_many_steps_and_only_then() {
        let rates = [(0, 0.8), (9, 0.8), (10, 0.4), (19, 0.4), (20, 0.2), (35, 0.1)];
        assert_rates("kind = 'step'\nstart = 0.8\nfactor = 0.5\nevery = 10", 0.0, &rates);
    }

    #[test]
    fn a_cosine_goes_from_start_to_end_and_stays() {
        let rates = [(0, 0.5), (50, 0.3), (100, 0.1), (101, 0.1), (u64::MAX, 0.1)];
        assert_rates("kind = 'cosine'\nstart = 0.5\nend = 0.1\nsteps = 100", 1e-15, &rates);
        // A third of the way is 60 degrees, whose cosine is 1/2.
        let thirds = "kind = 'cosine'\nstart = 0.5\nend = 0.1\nsteps = 99";
        assert_rates(thirds, 1e-15, &[(33, 0.4), (66, 0.2)]);
        // The last rate is small and not zero.
        assert_rates("kind = 'cosine'\nstart = 0.5\nsteps = 100", 1e-8, &[(99, 1.2336e-4)]);
    }

    #[test]
    fn g28_the_codelabs_rates() {
        // The published numbers have eight decimals.
        let rates = [(0, 0.0031), (2000, 0.00120364), (10_000, 0.00012021)];
        assert_rates("kind = 'exponential'", 0.5e-8, &rates);
        assert_rates("kind = 'exponential'", 0.0, &[(u64::MAX, 0.0001)]);
    }

    #[test]
    fn a_warm_up_rises_in_equal_steps_and_then_follows_the_schedule_inside_from_its_start() {
        let toml = "kind = 'warmup'\nsteps = 4\nthen = { kind = 'step', start = 1, every = 2 }";
        let rates = (0..).zip([0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
        assert_rates(toml, 0.0, &rates.collect::<Vec<_>>());
        let then = StepDecay { every: 7, ..StepDecay::default() };
        let want = Warmup { steps: 5, then: Box::new(then.into()) };
        assert_eq!(
            read("kind = 'warmup'\nsteps = 5\nthen = { kind = 'step', every = 7 }"),
            want.into()
        );
    }
}
