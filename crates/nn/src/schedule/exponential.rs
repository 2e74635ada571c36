//! Exponential decay to a floor: `floor + amplitude · e^(−step / decay_steps)`.
//!
//! Source: the scripts of "TensorFlow and deep learning, without a PhD".

use super::*;

settings! {
    /// A learning rate that falls exponentially towards a floor, from `floor + amplitude`.
    ///
    /// The defaults are those of the codelab's scripts 2.1 to 3.1. Its script 4.2 runs with an amplitude
    /// of 0.02 and 1600 steps; its comment names other values.
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
    fn learning_rate(&self, step: u64) -> f64 {
        self.floor + self.amplitude * Float::exp(-(step as f64 / self.decay_steps as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g28_the_codelabs_rates() {
        for (step, want) in [(0, 0.0031), (2000, 0.00120364), (10_000, 0.00012021)] {
            let rate = ExponentialDecay::default().learning_rate(step);
            // The published numbers have eight decimals.
            assert!((rate - want).abs() < 0.5e-8, "step {step}: {rate}, expected {want}");
        }
    }

    #[test]
    fn ends_at_the_floor() {
        assert_eq!(ExponentialDecay::default().learning_rate(u64::MAX), 0.0001);
    }
}
