//! The same learning rate in every step.

use super::*;

settings! {
    /// A learning rate that never changes.
    pub struct ConstantRate {
        /// The rate of every step, above 0. The default is that of "Deep Learning from Scratch", which takes 0.001
        /// for Adam.
        learning_rate: f64 = 0.01, positive;
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
