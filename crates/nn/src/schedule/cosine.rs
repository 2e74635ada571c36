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
        /// The steps from `start` to `end`; if not given, those of the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64> = None, optional(one_or_more);
    }
}

impl LearningRate for CosineDecay {
    fn learning_rate(&self, at: StepOf) -> f64 {
        half_cosine(self.start, self.end, at.fraction_of(self.steps))
    }
}
