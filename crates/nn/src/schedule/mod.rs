//! Schedules: the learning rate of each step.

pub mod constant;
pub mod cosine;
pub mod exponential;
pub mod linear;
pub mod log_cosine;
pub mod one_cycle;
pub mod step;
pub mod warmup;

// What the files of schedules take by `use super::*`.
use kernels::Float;

use crate::registry::{fraction, not_negative, one_or_more, optional, positive};
use crate::{registry, settings};

registry! {
    /// A schedule chosen by name.
    pub enum Schedule: dyn LearningRate {
        constant::ConstantRate,
        step::StepDecay,
        exponential::ExponentialDecay,
        linear::LinearDecay,
        cosine::CosineDecay,
        one_cycle::OneCycle,
        log_cosine::LogCosine,
        warmup::Warmup,
    }
}

/// The rule of a schedule.
pub trait LearningRate {
    /// The learning rate of a step.
    fn learning_rate(&self, at: StepOf) -> f64;

    /// The momentum of a step, which replaces `momentum` or `beta1` of an optimizer; none if it keeps its own.
    fn momentum(&self, at: StepOf) -> Option<f64> {
        let _ = at;
        None
    }
}

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepOf {
    /// Updates before it: 0 for the first.
    pub step: u64,
    /// Updates of the whole run, which may be continued beyond.
    pub steps: u64,
}

impl StepOf {
    /// The share of `steps`, or of the run, that is done before this step: at most 1.
    fn fraction_of(self, steps: Option<u64>) -> f64 {
        let steps = steps.unwrap_or(self.steps).max(1);
        self.step.min(steps) as f64 / steps as f64
    }
}

/// The way from `start` to `end` along half a cosine wave, of which `fraction` is done.
fn half_cosine(start: f64, end: f64, fraction: f64) -> f64 {
    if fraction >= 1.0 {
        return end;
    }
    let angle = std::f64::consts::PI * fraction;
    end + (start - end) * 0.5 * (1.0 + Float::cos(angle))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;
    use crate::registry::Validate as _;

    /// The rate of a step of a run of 100.
    type Formula = fn(u64) -> f64;

    fn half_wave(from: f64, to: f64, share: f64) -> f64 {
        to + (from - to) / 2.0 * ((share * PI).cos() + 1.0)
    }

    /// Each schedule with settings of its own, and the formula as its source writes it.
    fn rules() -> Vec<(Schedule, Formula)> {
        let constant = || constant::ConstantRate { learning_rate: 0.5 };
        let cosine = || cosine::CosineDecay { start: 0.5, end: 0.1, steps: None };
        let one_cycle = one_cycle::OneCycle { max_learning_rate: 0.5, ..Default::default() };
        let then = Box::new(cosine().into());
        vec![
            (constant().into(), |_| 0.5),
            (step::StepDecay { start: 0.8, factor: 0.5, every: 10 }.into(), |step| {
                0.8 * 0.5f64.powi((step / 10) as i32)
            }),
            (exponential::ExponentialDecay::default().into(), |step| {
                0.0001 + 0.003 * (-(step as f64) / 2000.0).exp()
            }),
            (linear::LinearDecay { start: 0.5, end: 0.1, steps: None }.into(), |step| {
                0.5 - 0.4 * step as f64 / 100.0
            }),
            (cosine().into(), |step| half_wave(0.5, 0.1, step as f64 / 100.0)),
            // The last step of the rise is the 30th, number 29; the last of all is number 99.
            (one_cycle.into(), |step| match step as f64 {
                rise if step <= 29 => half_wave(0.02, 0.5, rise / 29.0),
                fall => half_wave(0.5, 0.000002, (fall - 29.0) / 70.0),
            }),
            (
                log_cosine::LogCosine { max_learning_rate: 0.5, ..Default::default() }.into(),
                |step| {
                    0.5 * (0.5 - 0.5 * (2.0 * PI * (1.0 + 15.0 * step as f64 / 100.0).log2()).cos())
                },
            ),
            (warmup::Warmup { steps: 20, then }.into(), |step| match step.checked_sub(20) {
                None => 0.5 * (step as f64 + 1.0) / 20.0,
                Some(step) => half_wave(0.5, 0.1, step as f64 / 80.0),
            }),
        ]
    }

    #[test]
    fn every_schedule_follows_its_formula_over_a_run_of_100_steps_and_ends_with_it() {
        let rules = rules();
        let names: Vec<_> = rules.iter().map(|(schedule, _)| schedule.name()).collect();
        assert_eq!(names, Schedule::NAMES);
        for (schedule, formula) in rules {
            let rate = |step| schedule.as_dyn().learning_rate(StepOf { step, steps: 100 });
            for step in 0..100 {
                let (found, want) = (rate(step), formula(step));
                let name = schedule.name();
                // An angle of up to 8π is rounded to 4e-15.
                let tolerance = if name == "log_cosine" { 4e-15 } else { 1e-15 };
                assert!((found - want).abs() <= tolerance, "{name} at {step}: {found}, not {want}");
            }
            // What follows the run stays where it was then; so do schedules of a length that is given.
            if ["linear", "cosine", "warmup"].contains(&schedule.name()) {
                assert_eq!([rate(100), rate(101), rate(u64::MAX)], [0.1; 3]);
            }
        }
    }

    #[test]
    fn a_length_that_is_given_does_not_follow_the_run() {
        let steps = Some(40);
        let schedules: [Schedule; 4] = [
            log_cosine::LogCosine { steps, ..Default::default() }.into(),
            linear::LinearDecay { steps, ..Default::default() }.into(),
            cosine::CosineDecay { steps, ..Default::default() }.into(),
            one_cycle::OneCycle { steps, ..Default::default() }.into(),
        ];
        for schedule in schedules {
            let rate = |step, steps| schedule.as_dyn().learning_rate(StepOf { step, steps });
            assert!((0..60).all(|step| rate(step, 40) == rate(step, 7)), "{}", schedule.name());
            assert_ne!(rate(20, 40), rate(40, 40), "{}", schedule.name());
            assert_eq!(rate(40, 40), rate(u64::MAX, 40), "{}", schedule.name());
        }
    }

    #[test]
    fn one_cycle_moves_the_momentum_against_the_rate() {
        let at = |cycle: &Schedule, step| cycle.as_dyn().momentum(StepOf { step, steps: 100 });
        let cycle: Schedule = one_cycle::OneCycle::default().into();
        let found = [0, 29, 64, 99, 100].map(|step| at(&cycle, step).unwrap());
        for (found, want) in found.iter().zip([0.95, 0.85, 0.9, 0.95, 0.95]) {
            assert!((found - want).abs() < 1e-15, "{found}, expected {want}");
        }
        // A warm-up passes it on.
        let warmup: Schedule = warmup::Warmup { steps: 100, then: Box::new(cycle) }.into();
        let after = |step| warmup.as_dyn().momentum(StepOf { step, steps: 200 });
        assert_eq!([after(0), after(99), after(199)], [Some(0.95); 3]);
        let fixed = one_cycle::OneCycle { cycle_momentum: false, ..Default::default() }.into();
        assert_eq!(at(&fixed, 29), None);
    }

    #[test]
    fn every_default_is_valid_and_gives_finite_rates_for_ever_in_runs_of_any_length() {
        for name in Schedule::NAMES {
            let schedule: Schedule = toml::from_str(&format!("kind = '{name}'")).unwrap();
            assert_eq!(schedule.validate(), Ok(()), "{name}");
            for steps in [0, 1, 2, 3, 4, 10_000, u64::MAX] {
                for step in [0, 1, 2, 3, 499, 500, 10_000, u64::MAX] {
                    let at = StepOf { step, steps };
                    let rate = schedule.as_dyn().learning_rate(at);
                    assert!((0.0..1.0).contains(&rate), "{name} at {at:?}: {rate}");
                    let momentum = schedule.as_dyn().momentum(at).unwrap_or(0.9);
                    assert!((0.0..1.0).contains(&momentum), "{name} at {at:?}: {momentum}");
                }
                // The published formula of the logarithmic cosine begins at 0.
                let first = schedule.as_dyn().learning_rate(StepOf { step: 0, steps });
                let is_zero = *name == "log_cosine";
                assert_eq!(first == 0.0, is_zero, "{name}: the first of {steps} steps: {first}");
            }
        }
    }

    #[test]
    fn cycles_of_a_logarithmic_cosine_end_where_their_lengths_have_doubled() {
        let schedule = log_cosine::LogCosine { max_learning_rate: 0.5, cycles: 4, steps: None };
        let rate = |step| schedule.learning_rate(StepOf { step, steps: 15_000 });
        for end in [0, 1000, 3000, 7000, 15_000, u64::MAX] {
            assert!(rate(end) < 1e-25, "{end}: {}", rate(end));
        }
        // The middle of a cycle is √2 times as far from −1/15 as its beginning.
        for top in [414, 1828, 4657, 10_314] {
            assert!((rate(top) - 0.5).abs() < 1e-5, "{top}: {}", rate(top));
        }
    }

    #[test]
    fn g28_the_codelabs_rates() {
        // The published numbers have eight decimals.
        let exponential = exponential::ExponentialDecay::default();
        let rate = |step| exponential.learning_rate(StepOf { step, steps: 1 });
        for (step, want) in [(0, 0.0031), (2000, 0.00120364), (10_000, 0.00012021)] {
            assert!((rate(step) - want).abs() <= 0.5e-8, "{step}: {}", rate(step));
        }
        assert_eq!(rate(u64::MAX), 0.0001);
    }
}
