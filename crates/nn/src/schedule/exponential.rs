//! Exponential decay to a floor: `floor + amplitude · e^(−step / decay_steps)`.
//!
//! Source: the scripts of "TensorFlow and deep learning, without a PhD".

use super::*;

settings! {
    /// A learning rate that falls exponentially towards a floor, from `floor + amplitude`.
    ///
    /// The defaults are those of the codelab's scripts 2.1 to 3.1; script 4.2 has an amplitude of 0.02 and 1600 steps.
    pub struct ExponentialDecay {
        /// The rate in the end, at least 0.
        floor: f64 = 0.0001, not_negative;
        /// How far above the floor the rate begins, above 0.
        amplitude: f64 = 0.003, positive;
        /// The steps until `1/e` of the amplitude is left.
        decay_steps: u64 = 2000, one_or_more;
    }
}

impl LearningRate for ExponentialDecay {
    fn learning_rate(&self, at: StepOf) -> f64 {
        self.floor + self.amplitude * Float::exp(-(at.step as f64 / self.decay_steps as f64))
    }
}
