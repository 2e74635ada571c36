//! Step decay: `start · factor^⌊step / every⌋`.

use super::*;

settings! {
    /// A learning rate multiplied by a factor every so many steps.
    pub struct StepDecay {
        /// The rate of the first `every` steps, above 0.
        start: f64 = 0.01, positive;
        /// The factor of each reduction, above 0.
        factor: f64 = 0.5, positive;
        /// Steps between reductions.
        every: u64 = 1000, one_or_more;
    }
}

impl LearningRate for StepDecay {
    fn learning_rate(&self, at: StepOf) -> f64 {
        self.start * Float::powf(self.factor, (at.step / self.every) as f64)
    }
}
