//! Linear warm-up before another schedule.
//!
//! Source: Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour",
//! section 2.2.

use super::{constant::ConstantRate, *};
use crate::registry::nested;

settings! {
    /// A learning rate that rises evenly to the first rate of another schedule, then follows it.
    ///
    /// Step 0 already has `1 / steps` of that rate; the other schedule counts from the end of the warm-up, and its length,
    /// if it follows the run, is what is left.
    pub struct Warmup {
        /// The length of the warm-up, in steps.
        steps: u64 = 500, one_or_more;
        /// The schedule that follows.
        then: Box<Schedule> = Box::new(ConstantRate::default().into()),
            |name, then: &Schedule| nested(name, then);
    }
}

impl LearningRate for Warmup {
    fn learning_rate(&self, at: StepOf) -> f64 {
        let rate = self.then.as_dyn().learning_rate(self.after(at));
        if at.step < self.steps { rate * ((at.step + 1) as f64 / self.steps as f64) } else { rate }
    }

    fn momentum(&self, at: StepOf) -> Option<f64> {
        self.then.as_dyn().momentum(self.after(at))
    }
}

impl Warmup {
    /// A step of the run as one of the schedule that follows: the first of it during the warm-up.
    fn after(&self, at: StepOf) -> StepOf {
        let [step, steps] = [at.step, at.steps].map(|steps| steps.saturating_sub(self.steps));
        StepOf { step, steps }
    }
}
