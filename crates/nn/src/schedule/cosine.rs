//! Half a cosine wave: `end + (start − end) · (1 + cos(π · step / steps)) / 2`, then `end`.
//!
//! Source: Loshchilov, Hutter (ICLR 2017), "SGDR: stochastic gradient descent with warm restarts",
//! equation 5, without the restarts.

use super::*;

settings! {
    /// A learning rate that goes from one value to another along half a cosine wave, and stays there.
    pub struct CosineDecay {
        /// The rate of the first step, above 0.
        start: f64 = 0.01, positive;
        /// The rate from step `steps` on, at least 0.
        end: f64 = 0.0, not_negative;
        /// The steps from `start` to `end`.
        steps: u64 = 10_000, one_or_more;
    }
}

impl LearningRate for CosineDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.end;
        }
        let angle = std::f64::consts::PI * (step as f64 / self.steps as f64);
        self.end + (self.start - self.end) * 0.5 * (1.0 + Float::cos(angle))
    }
}
