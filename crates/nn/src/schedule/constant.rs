//! The same learning rate in every step.

use super::*;

settings! {
    /// A learning rate that never changes.
    pub struct ConstantRate {
        /// The rate of every step, above 0. "Deep Learning from Scratch" has this default, and 0.001 for Adam.
        learning_rate: f64 = 0.01, positive;
    }
}

impl LearningRate for ConstantRate {
    fn learning_rate(&self, _: StepOf) -> f64 {
        self.learning_rate
    }
}
