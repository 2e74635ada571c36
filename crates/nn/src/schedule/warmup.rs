//! Linear warm-up before another schedule.
//!
//! Source: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
//! section 2.2.

use super::{constant::ConstantRate, *};
use crate::registry::nested;

settings! {
    /// A learning rate that rises evenly to the first rate of another schedule, then follows it.
    ///
    /// Step 0 already has `1 / steps` of that rate; the other schedule counts from the end of the warm-up.
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
