//! Linear warm-up before another schedule.
//!
//! Source: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
//! section 2.2.

use super::{constant::ConstantRate, *};
use crate::registry::nested;

settings! {
    /// A learning rate that rises evenly to the first rate of another schedule, then follows it.
    ///
    /// Step 0 already has `1 / steps` of that rate, so no step is lost; the other schedule counts from
    /// the end of the warm-up.
    pub struct Warmup {
        /// The length of the warm-up, in steps.
        steps: u64 = 500, one_or_more;
        /// The schedule that follows.
        then: Box<Schedule> = Box::new(ConstantRate::default().into()),
            |name, then: &Schedule| nested(name, then);
    }
}

impl LearningRate for Warmup {
    fn learning_rate(&self, step: u64) -> f64 {
        let then = self.then.as_dyn();
        match step.checked_sub(self.steps) {
            Some(after) => then.learning_rate(after),
            None => then.learning_rate(0) * ((step + 1) as f64 / self.steps as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{step::StepDecay, *};

    #[test]
    fn rises_in_equal_steps_and_then_follows_from_the_start() {
        let then = StepDecay { start: 1.0, factor: 0.5, every: 2 };
        let schedule = Warmup { steps: 4, then: Box::new(then.into()) };
        let rates: Vec<f64> = (0..9).map(|step| schedule.learning_rate(step)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn is_read_with_the_schedule_inside() {
        let toml = "warmup = { steps = 5, then = { step = { every = 7 } } }";
        let then = StepDecay { every: 7, ..StepDecay::default() };
        let want = Warmup { steps: 5, then: Box::new(then.into()) };
        assert_eq!(toml::from_str::<Schedule>(toml).unwrap(), want.into());
    }
}
