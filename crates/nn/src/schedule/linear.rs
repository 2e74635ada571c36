//! A straight line: `start + (end − start) · step / steps`, then `end`.
//!
//! Source: Smith (2017), "Cyclical learning rates for training neural networks", of whose triangle it is one side; as the
//! decay to 0 after a warm-up in Devlin et al. (2019), "BERT".

use super::*;

settings! {
    /// A learning rate that goes evenly from one value to another, and stays there.
    pub struct LinearDecay {
        /// The rate of the first step, above 0.
        start: f64 = 0.01, positive;
        /// The rate from step `steps` on, at least 0.
        end: f64 = 0.0, not_negative;
        /// The steps from `start` to `end`; if not given, those of the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64> = None, optional(one_or_more);
    }
}

impl LearningRate for LinearDecay {
    fn learning_rate(&self, at: StepOf) -> f64 {
        // In this form both ends are exact.
        let fraction = at.fraction_of(self.steps);
        self.start * (1.0 - fraction) + self.end * fraction
    }
}
